//! A new pseudo-terminal: of the container's own devpts if it has one, so that the terminal has a name in there.

use std::fs::read_to_string;
use std::io::Result as IoResult;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nicon_core::file::open_cached;
use nicon_core::mountinfo::mounts;
use nicon_core::{Context, Process, Result};
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, fstat, major, minor};
use rustix::pty::unlockpt;

const FLAGS: OFlag = OFlag::O_RDWR.union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC).union(OFlag::O_NONBLOCK);

/// Opens the near end of a new one. `container` is a process in whose root directory the command runs.
pub(super) fn open_new(container: Option<&Process>) -> Result<OwnedFd> {
    // Without one of the container's, or without the right to open it, the terminal just has no name there.
    if let Some(Ok(near)) = container.map(of_container) {
        return Ok(near);
    }
    let near = open("/dev/ptmx", FLAGS, Mode::empty()).context(|| "open a new terminal")?;
    unlockpt(&near).map_err(std::io::Error::from).context(|| "unlock the new terminal")?;
    Ok(near)
}

fn of_container(container: &Process) -> IoResult<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = openat(container.dir(), "root", flags, Mode::empty())?;
    // What the container has there is looked at before it is opened: to open a device can do anything.
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW;
    let found = open_cached(root.as_fd(), Path::new("dev/pts/ptmx"), flags.bits())?;
    let is_ptmx = || fstat(&found).is_ok_and(|stat| (major(stat.st_rdev), minor(stat.st_rdev)) == (5, 2));
    if !is_on_devpts(&found, container) || !is_ptmx() {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    let near = open(format!("/proc/self/fd/{}", found.as_raw_fd()).as_str(), FLAGS, Mode::empty())?;
    unlockpt(&near)?;
    Ok(near)
}

/// Whether a file of the container's is one of a devpts, by the list of mounts: any other file system may never reply to what it is
/// asked, not even by `fstatfs(2)`.
fn is_on_devpts(file: &OwnedFd, container: &Process) -> bool {
    let info = read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).unwrap_or_default();
    let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    let list = container.read_bytes("mountinfo").unwrap_or_default();
    mounts(&list).any(|mount| Some(mount.id) == id && mount.fs_type == b"devpts")
}
