//! The target's cgroups, by which the command is accounted and limited with it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nicon_core::{Doing, Error, Process, Result};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// The target's cgroups in those hierarchies in which it is in another one than we are.
pub(crate) struct Cgroups {
    /// On v2: the directory, in which a child can be born.
    directory: Option<OwnedFd>,
    /// What moves the calling process: of v2, then of v1.
    v2: Option<File>,
    v1: Vec<File>,
}

impl Cgroups {
    /// Opens them.
    pub(crate) fn open(target: &Process) -> Result<Self> {
        let own = read("/proc/self/cgroup")?;
        let targets = target.read("cgroup")?;
        let mut cgroups = Self { directory: None, v2: None, v1: Vec::new() };
        let others: Vec<&str> = targets.lines().filter(|line| !own.lines().any(|ours| ours == *line)).collect();
        if others.is_empty() {
            return Ok(cgroups);
        }
        let mounts = read("/proc/self/mountinfo")?;
        for line in others {
            let (controllers, path) = parse(line).ok_or_else(|| Error::failed(format!("strange cgroup: {line}")))?;
            let Some(directory) = directory(&mounts, controllers, path) else {
                return Err(Error::failed(format!(
                    "the target's cgroup {line} is not below a cgroup mount of ours (--privileged stays in the caller's)"
                )));
            };
            if controllers.is_empty() {
                let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
                let opened = open(&directory, flags, Mode::empty());
                cgroups.directory = Some(opened.doing(|| format!("open {}", directory.display()))?);
                cgroups.v2 = Some(writable(&directory.join("cgroup.procs"))?);
            } else {
                // A process that moves only itself, its one thread, needs not wait for all others to hold still: that
                // wait is what makes a write to cgroup.procs slow.
                cgroups.v1.push(writable(&directory.join("tasks"))?);
            }
        }
        Ok(cgroups)
    }

    /// The directory in which a child is to be born.
    pub(crate) fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        self.directory.as_ref().map(AsFd::as_fd)
    }

    /// Moves the calling process.
    pub(crate) fn join(&self, is_born_inside: bool) -> Result<()> {
        let v2 = self.v2.iter().filter(|_| !is_born_inside);
        for mut file in v2.chain(&self.v1) {
            // 0 is the process that writes.
            file.write_all(b"0").doing(|| "join the target's cgroup (--privileged stays in the caller's)")?;
        }
        Ok(())
    }
}

/// Reads a file of procfs, whose size is unknown, in one go if it fits.
fn read(path: &str) -> Result<String> {
    let mut text = String::with_capacity(8192);
    File::open(path).and_then(|mut file| file.read_to_string(&mut text)).doing(|| format!("read {path}"))?;
    Ok(text)
}

fn writable(path: &Path) -> Result<File> {
    let file = File::options().write(true).open(path);
    file.doing(|| format!("open {} (--privileged stays in the caller's cgroup)", path.display()))
}

/// Controllers (none for v2) and path of a line of /proc/PID/cgroup.
fn parse(line: &str) -> Option<(&str, &str)> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    // A cgroup that lies outside of our cgroup namespace is shown relative to its root.
    (path.starts_with('/') && !path.split('/').any(|part| part == "..")).then_some((controllers, path))
}

/// Where the cgroup `path` of a hierarchy is mounted, by the lines of /proc/self/mountinfo.
fn directory(mounts: &str, controllers: &str, path: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let mut filesystem = filesystem.split(' ');
        let is_it = match (filesystem.next()?, controllers) {
            ("cgroup2", "") => true,
            ("cgroup", "") => false,
            ("cgroup", _) => {
                let options: Vec<&str> = filesystem.nth(1)?.split(',').collect();
                controllers.split(',').all(|controller| options.contains(&controller))
            }
            _ => false,
        };
        let below = Path::new(path).strip_prefix(root).ok()?;
        is_it.then(|| Path::new(&unescape(point)).join(below))
    })
}

/// mountinfo writes space, tab, newline and backslash in octal.
fn unescape(field: &str) -> String {
    let escapes = [(r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")];
    escapes.iter().fold(field.to_owned(), |text, (code, character)| text.replace(code, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
30 25 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 30 0:29 /box /mnt/a\\040b rw shared:9 - cgroup2 cgroup2 rw";

    #[test]
    fn a_cgroup_is_found_where_its_hierarchy_is_mounted() {
        let found = |line| parse(line).and_then(|(controllers, path)| directory(MOUNTS, controllers, path));
        assert_eq!(found("1:name=systemd:/x"), Some("/sys/fs/cgroup/systemd/x".into()));
        assert_eq!(found("2:cpu,cpuacct:/docker/1"), Some("/sys/fs/cgroup/cpu,cpuacct/docker/1".into()));
        assert_eq!(found("0::/box/in:side"), Some("/mnt/a b/in:side".into()));
        assert_eq!(found("0::/elsewhere"), None);
        assert_eq!(found("0::/../box"), None);
        assert_eq!(found("3:memory:/x"), None);
    }
}
