//! A visit to another mount namespace, to take a copy of what is mounted there: `open_tree(2)` wants to be in it for that.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nicon_core::{Context, NsType, Process, Result};
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::Mode;
use nix::unistd::{chroot, fchdir};
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::privileges::taking;

/// Where we are, to come back to.
struct Home {
    mounts: OwnedFd,
    root: OwnedFd,
    directory: OwnedFd,
}

/// A copy of all that is mounted below `root`, a directory in the mount namespace of the target, mounted nowhere. Only the kernel looks at it
/// there: we run nothing, and look no name up. A failure leaves us there, or here.
pub(super) fn copy_mounts(target: &Process, root: BorrowedFd<'_>) -> Result<OwnedFd> {
    let home = Home::here()?;
    let theirs = target.namespace(NsType::Mnt)?;
    taking(
        "CAP_SYS_ADMIN over it, and CAP_SYS_CHROOT",
        setns(&theirs, CloneFlags::CLONE_NEWNS),
        || "visit the container's mount namespace",
    )?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    let copy = open_tree(root, "", flags).context(|| "take a copy of the container's mounts");
    home.go()?;
    copy
}

impl Home {
    fn here() -> Result<Self> {
        let opened = |path: &str, flags: OFlag| {
            open(path, flags | OFlag::O_CLOEXEC, Mode::empty()).context(|| format!("open {path}"))
        };
        let directory = |path: &str| opened(path, OFlag::O_PATH | OFlag::O_DIRECTORY);
        Ok(Self {
            mounts: opened("/proc/self/ns/mnt", OFlag::O_RDONLY)?,
            root: directory("/")?,
            directory: directory(".")?,
        })
    }

    fn go(&self) -> Result<()> {
        let back = || "come back from the container's mount namespace";
        setns(self.mounts.as_fd(), CloneFlags::CLONE_NEWNS).context(back)?;
        // The join has led to the root directory of the namespace, and the caller's may be another.
        fchdir(&self.root).and_then(|()| chroot(".")).and_then(|()| fchdir(&self.directory)).context(back)
    }
}
