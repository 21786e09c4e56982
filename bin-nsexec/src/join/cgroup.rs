//! The target's cgroups, by which the command is accounted and limited with it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nicon_core::cgroup::{cgroup_mounts, directory, parse};
use nicon_core::{Context, Error, Process, Result};
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

/// The way out where the target's cgroup cannot be joined.
const WAY_OUT: &str = "--no-cgroup, in place of any --join-cgroup, stays in the caller's";

/// What a process writes to in order to move, on v2.
const PROCESSES: &str = "cgroup.procs";

/// The target's cgroups in those hierarchies in which it is in another one than we are.
pub(crate) struct Cgroups {
    /// On v2: the directory, in which a child can be born.
    directory: Option<(PathBuf, OwnedFd)>,
    /// On v1: what moves the calling process.
    v1: Vec<(PathBuf, File)>,
}

impl Cgroups {
    /// Opens them.
    pub(crate) fn open(target: &Process) -> Result<Self> {
        let own = read("/proc/self/cgroup")?;
        let targets = target.read("cgroup")?;
        let mut cgroups = Self { directory: None, v1: Vec::new() };
        let others: Vec<&str> = targets.lines().filter(|line| !own.lines().any(|ours| ours == *line)).collect();
        if others.is_empty() {
            return Ok(cgroups);
        }
        let mountinfo = read("/proc/self/mountinfo")?;
        let mounts = cgroup_mounts(mountinfo.as_bytes());
        for line in others {
            let (controllers, path) = parse(line).ok_or_else(|| unseen(line, "outside of our cgroup namespace"))?;
            let directory = directory(&mounts, controllers, path);
            let directory = directory.ok_or_else(|| unseen(line, "not below a cgroup mount of ours"))?;
            if controllers.is_empty() {
                let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
                let opened = open(&directory, flags, Mode::empty());
                let opened = opened.context(|| format!("open {}", directory.display()))?;
                cgroups.directory = Some((directory, opened));
            } else {
                // A process that moves only itself, its one thread, needs not wait for all others to hold still: that
                // wait is what makes a write to cgroup.procs slow.
                let tasks = directory.join("tasks");
                cgroups.v1.push((tasks.clone(), writable(&tasks)?));
            }
        }
        Ok(cgroups)
    }

    /// The directory in which a child is to be born.
    pub(crate) fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        self.directory.as_ref().map(|(_, directory)| directory.as_fd())
    }

    /// Moves the calling process.
    pub(crate) fn join(&self, is_born_inside: bool) -> Result<()> {
        let enter = |mut file: &File| file.write_all(b"0"); // 0 is the process that writes
        let failed = |path: &Path| format!("join the target's cgroup, {} ({WAY_OUT})", path.display());
        if let Some((path, directory)) = self.directory.as_ref().filter(|_| !is_born_inside) {
            let file = openat(directory, PROCESSES, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty());
            let entered = file.map_err(io::Error::from).and_then(|file| enter(&File::from(file)));
            entered.context(|| failed(&path.join(PROCESSES)))?;
        }
        self.v1.iter().try_for_each(|(path, file)| enter(file).context(|| failed(path)))
    }
}

/// Reads a file of procfs, whose size is unknown, in one go if it fits.
fn read(path: &str) -> Result<String> {
    let mut text = String::with_capacity(8192);
    File::open(path).and_then(|mut file| file.read_to_string(&mut text)).context(|| format!("read {path}"))?;
    Ok(text)
}

fn writable(path: &Path) -> Result<File> {
    let file = File::options().write(true).open(path);
    file.context(|| format!("open {} ({WAY_OUT} cgroup)", path.display()))
}

/// The target's cgroup cannot be told from where we are.
fn unseen(line: &str, why: &str) -> Error {
    Error::failed(format!(
        "the target's cgroup {line} is {why} (in a container, --cgroupns=host and --volume=/sys/fs/cgroup:/sys/fs/cgroup \
         show it; {WAY_OUT})"
    ))
}
