//! Small files for the command: a file system in memory that nobody else has.

use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use nicon_core::{Context, Result};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use rustix::mount::{OpenTreeFlags, UnmountFlags, open_tree, unmount};

use crate::sys::mount::{HARMLESS, attach, new_file_system};

/// A file system of which parts are mounted elsewhere. Linux before 6.15 takes no part of one that is mounted nowhere, so it is mounted
/// until all parts are taken.
pub(super) struct MemoryFiles<'a> {
    tree: &'a OwnedFd,
    at: &'static str,
    next: Cell<u32>,
}

impl<'a> MemoryFiles<'a> {
    /// Makes the file system.
    pub(super) fn make() -> Result<OwnedFd> {
        new_file_system("tmpfs", &[], HARMLESS).context(|| "make a file system in memory")
    }

    /// Mounts it for the time being.
    pub(super) fn put_up(tree: &'a OwnedFd, at: &'static str) -> Result<Self> {
        attach(tree, at.as_ref()).context(|| format!("mount on {at}"))?;
        Ok(Self { tree, at, next: Cell::new(0) })
    }

    /// A file with this content, ready to be mounted.
    pub(super) fn file(&self, content: &[u8]) -> Result<OwnedFd> {
        let name = self.name();
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IRGRP | Mode::S_IROTH;
        let file = openat(self.tree, name.as_str(), flags, mode).context(|| "make a file in memory")?;
        File::from(file).write_all(content).context(|| "write a file in memory")?;
        self.part(&name)
    }

    /// An empty directory, ready to be mounted.
    pub(super) fn directory(&self) -> Result<OwnedFd> {
        let name = self.name();
        mkdirat(self.tree, name.as_str(), Mode::from_bits_truncate(0o555)).context(|| "make a directory in memory")?;
        self.part(&name)
    }

    /// Unmounts it; its parts stay.
    pub(super) fn take_down(self) -> Result<()> {
        unmount(self.at, UnmountFlags::DETACH).context(|| format!("unmount {}", self.at))
    }

    fn name(&self) -> String {
        let number = self.next.get();
        self.next.set(number + 1);
        number.to_string()
    }

    fn part(&self, name: &str) -> Result<OwnedFd> {
        open_tree(self.tree, name, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)
            .context(|| "take a part of a file system in memory")
    }
}
