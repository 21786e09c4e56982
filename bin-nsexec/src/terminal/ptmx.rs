//! A new pseudo-terminal: of the container's own devpts if it has one, so that the terminal has a name in there.

use std::io::Result as IoResult;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nicon_core::file::open_cached;
use nicon_core::{Context, Result};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat, major, minor};
use rustix::fs::fstatfs;
use rustix::pty::unlockpt;

const FLAGS: OFlag = OFlag::O_RDWR.union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC).union(OFlag::O_NONBLOCK);

/// Opens the near end of a new one. `root` is the container's root directory.
pub(super) fn open_new(root: Option<BorrowedFd<'_>>) -> Result<OwnedFd> {
    // Without one of the container's, or without the right to open it, the terminal just has no name there.
    if let Some(Ok(near)) = root.map(of_container) {
        return Ok(near);
    }
    let near = open("/dev/ptmx", FLAGS, Mode::empty()).context(|| "open a new terminal")?;
    unlockpt(&near).map_err(std::io::Error::from).context(|| "unlock the new terminal")?;
    Ok(near)
}

fn of_container(root: BorrowedFd<'_>) -> IoResult<OwnedFd> {
    // What the container has there is looked at before it is opened: to open a device can do anything.
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW;
    let found = open_cached(root, Path::new("dev/pts/ptmx"), flags.bits())?;
    let device = fstat(&found)?.st_rdev;
    // DEVPTS_SUPER_MAGIC of linux/magic.h.
    if fstatfs(&found)?.f_type != 0x1cd1 || (major(device), minor(device)) != (5, 2) {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    let near = open(format!("/proc/self/fd/{}", found.as_raw_fd()).as_str(), FLAGS, Mode::empty())?;
    unlockpt(&near)?;
    Ok(near)
}
