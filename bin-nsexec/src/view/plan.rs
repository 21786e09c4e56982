//! What is mounted, and where.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nicon_core::filter::output::report;
use nicon_core::link::target::NAMED;
use nicon_core::mountinfo::{mounts, unescape};
use nicon_core::{Context, Error, Process, Result};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::memory_files::MemoryFiles;
use super::{containers_file, name_service};
use crate::failure::PROGRAM;
use crate::operand::shown;
use crate::privileges::looking;

/// The directory below which the command finds the container's files: it is on nearly every machine, and made for what is mounted for a
/// while (`hier(7)`).
pub(crate) const ROOT: &str = "/mnt";

/// Where a container's own files of these names are shown.
const NETWORK_FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// By it the C library says where names are looked up.
const NSSWITCH: &str = "/etc/nsswitch.conf";

/// Where nscd(8) of the caller's machine is asked for the names of hosts.
const NSCD: &str = "/var/run/nscd";

/// Where `ip netns` has the files that belong to a name.
const FILES_OF_NAMES: &str = "/etc/netns";

/// The network namespace that is entered.
#[derive(Clone, Copy)]
pub(crate) enum Network<'a> {
    /// That of this file.
    File(&'a Path),
    /// The target's, or that of a socket of the target.
    Targets,
}

/// The mounts, in the order in which they are made.
pub(crate) struct View<'a> {
    pub(super) mounts: Vec<Mount<'a>>,
    /// The caller's own file system for content, if the caller may make one: root's user ID may have no number in a user namespace that
    /// is joined, and then nothing can be written to one that is made there.
    pub(super) memory: Option<OwnedFd>,
    /// Whether /proc is to be that of the PID namespace that is joined.
    has_proc: bool,
}

/// One mount.
pub(super) struct Mount<'a> {
    pub(super) what: What<'a>,
    pub(super) at: PathBuf,
}

/// What is mounted.
pub(super) enum What<'a> {
    /// A file with this content, which nobody can change any more.
    Content(Vec<u8>),
    /// An empty directory.
    Nothing,
    /// Another file or directory of the caller's.
    Own(PathBuf),
    /// sysfs, as the network namespace sees it that is joined.
    Sysfs,
    /// All files of a process, below what was opened of it as its root directory.
    FilesOf(&'a Process, OwnedFd),
}

impl<'a> View<'a> {
    /// Makes the plan, and reads what it takes of the container, or of the files that belong to a named network namespace. With `has_proc`
    /// a PID namespace is entered.
    ///
    /// # Errors
    /// If something cannot be read; see also [`containers_file::read`].
    pub(crate) fn open(target: Option<&'a Process>, network: Option<Network<'_>>, has_proc: bool) -> Result<Self> {
        let root = target.map(|target| Ok::<_, nicon_core::Error>((target, root_of(target)?))).transpose()?;
        let mut view = Self { mounts: Vec::new(), memory: MemoryFiles::make().ok(), has_proc };
        match (network, &root) {
            (Some(Network::File(file)), _) => view.add_files_of_name(file)?,
            (Some(Network::Targets), Some((_, root))) => view.add_files_of_network(root)?,
            _ => {}
        }
        if network.is_some() {
            view.add_sys()?;
        }
        if let Some((target, root)) = root {
            view.add(What::FilesOf(target, root), ROOT);
        }
        Ok(view)
    }

    /// Whether the last step is to mount /proc, for the PID namespace that it is born in.
    pub(crate) fn has_proc(&self) -> bool {
        self.has_proc
    }

    fn add(&mut self, what: What<'a>, at: impl Into<PathBuf>) {
        self.mounts.push(Mount { what, at: at.into() });
    }

    /// /etc/resolv.conf and /etc/hosts as the container has them, empty where it has none: not the caller's.
    fn add_files_of_network(&mut self, root: &OwnedFd) -> Result<()> {
        for path in NETWORK_FILES {
            let content = containers_file::read(root.as_fd(), path)
                .map_err(|error| error.suffix(" (without --view, the caller's is used)"))?;
            self.add(What::Content(content.unwrap_or_default()), path);
        }
        if let Ok(own) = fs::read(NSSWITCH) {
            self.add(What::Content(name_service::with_files_and_dns(&own)), NSSWITCH);
        }
        if Path::new(NSCD).is_dir() {
            self.add(What::Nothing, NSCD);
        }
        Ok(())
    }

    /// What is in /etc/netns/NAME in place of what has the same name in /etc, as ip-netns(8) does it. What has no counterpart there is
    /// reported and left out.
    fn add_files_of_name(&mut self, file: &Path) -> Result<()> {
        let Ok(name) = file.strip_prefix(NAMED) else { return Ok(()) };
        let directory = Path::new(FILES_OF_NAMES).join(name);
        if name.components().count() != 1 || !directory.is_dir() {
            return Ok(());
        }
        let what = || format!("list {}", shown(&directory));
        for entry in fs::read_dir(&directory).context(what)? {
            let entry = entry.context(what)?;
            let (file, at) = (entry.path(), Path::new("/etc").join(entry.file_name()));
            // Nothing of the caller's is taken for it then, nor what a dangling link would lead to.
            if fs::metadata(&at).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                let cause = format!("{} is not shown: there is no {} to mount it on", shown(&file), shown(&at));
                report(PROGRAM, &Error::failed(cause));
                continue;
            }
            self.add(What::Own(file), at);
        }
        Ok(())
    }

    /// /sys, with all in it that is mounted in the caller's: cgroups, and what traces.
    fn add_sys(&mut self) -> Result<()> {
        let list = fs::read("/proc/self/mountinfo").context(|| "read /proc/self/mountinfo")?;
        self.add(What::Sysfs, "/sys");
        for point in mounts_in_sys(&list) {
            self.add(What::Own(point.clone()), point);
        }
        Ok(())
    }
}

/// The mounts in /sys that are in no other one there.
fn mounts_in_sys(list: &[u8]) -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let points =
        mounts(list).map(|mount| PathBuf::from(std::ffi::OsString::from_vec(unescape(mount.point).into_owned())));
    let mut points: Vec<PathBuf> =
        points.filter(|point| point.starts_with("/sys") && point != Path::new("/sys")).collect();
    points.sort();
    // What is in another one comes right behind it.
    points.dedup_by(|inner, outer| inner.starts_with(outer));
    points
}

fn root_of(target: &Process) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    looking(openat(target.dir(), "root", flags, Mode::empty()), || format!("open /proc/{}/root", target.pid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_in_sys() {
        let list = b"1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / /sys rw - sysfs sysfs rw\n3 2 0:3 / /sys/kernel/debug rw - debugfs x rw\n\
            4 3 0:4 / /sys/kernel/debug/tracing rw - tracefs x rw\n5 2 0:5 / /sys/fs/cgroup rw - cgroup2 x rw\n\
            6 2 0:6 / /sys/kernel/debug\\040x rw - tmpfs x rw\n7 1 0:7 / /system rw - tmpfs x rw\n8 2 0:8 / /sys/fs/cgroup rw - cgroup2 x rw\n";
        let points: Vec<_> = mounts_in_sys(list).iter().map(|point| point.display().to_string()).collect();
        assert_eq!(points, ["/sys/fs/cgroup", "/sys/kernel/debug", "/sys/kernel/debug x"]);
    }
}
