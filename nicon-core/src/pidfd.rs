//! What a pidfd tells of its process; see `pidfd_open(2)`.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::fstat;
use nix::sys::statfs::{FsType, fstatfs};

/// The magic number of pidfs (`PID_FS_MAGIC` of linux/magic.h): "PIDF".
const PID_FS_MAGIC: FsType = FsType(0x5049_4446);

/// A pidfd becomes readable when its process exits; see `pidfd_open(2)`.
pub(crate) fn is_running(pidfd: &OwnedFd) -> bool {
    is_running_for(pidfd, PollTimeout::ZERO)
}

/// Whether it still runs after that time.
pub(crate) fn is_running_for(pidfd: &OwnedFd, time: PollTimeout) -> bool {
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut fds, time), Ok(0))
}

/// The inode number that names the process, unique for the boot; `None` before Linux 6.9.
pub(crate) fn inode(pidfd: &OwnedFd) -> nix::Result<Option<u64>> {
    // Before Linux 6.9 all pidfds share one anonymous inode. This is checked once.
    static HAS_PIDFS: OnceLock<bool> = OnceLock::new();
    let has_pidfs = if let Some(known) = HAS_PIDFS.get() {
        *known
    } else {
        let found = fstatfs(pidfd)?.filesystem_type() == PID_FS_MAGIC;
        *HAS_PIDFS.get_or_init(|| found)
    };
    if has_pidfs { Ok(Some(fstat(pidfd)?.st_ino)) } else { Ok(None) }
}
