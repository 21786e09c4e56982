//! Carries the plan out.

use std::io::Result as IoResult;
use std::os::fd::{AsFd, OwnedFd};

use nicon_core::{Context, Result};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{CWD, StatVfsMountFlags, statvfs};
use rustix::mount::{MountAttrFlags, MountPropagationFlags, OpenTreeFlags, mount_change, open_tree};

use super::memory_files::MemoryFiles;
use super::plan::{Mount, ROOT, View, What};
use super::visit::copy_mounts;
use crate::operand::shown;
use crate::privileges::taking;
use crate::sys::mount::{HARMLESS, attach, new_file_system, restrict};

impl View<'_> {
    /// Makes the mounts in a mount namespace of our own, which ends with the last process in it. After a failure the process must exit.
    pub(crate) fn enter(&self) -> Result<()> {
        let rights = "CAP_SYS_ADMIN; where the container has a user namespace of yours, --user enters that";
        taking(rights, unshare(CloneFlags::CLONE_NEWNS), || "make a mount namespace for the view")?;
        // What the caller mounts or unmounts meanwhile is seen here, too, so that nothing stays in use by us; nothing of ours is seen there.
        let flags = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
        mount_change("/", flags).context(|| "keep our mounts to ourselves (/ has to be a mount point)")?;
        // All is taken from where it is before something else covers it.
        let tmpfs = self
            .memory
            .as_ref()
            .map_or_else(MemoryFiles::make, |made| made.try_clone().context(|| "hold a file system"))?;
        let memory = MemoryFiles::put_up(&tmpfs, ROOT)?;
        let trees = self.mounts.iter().map(|mount| mount.what.tree(&memory)).collect::<Result<Vec<_>>>()?;
        memory.take_down()?;
        let mut mounts = trees.iter().zip(&self.mounts);
        mounts.try_for_each(|(tree, Mount { at, .. })| attach(tree, at).context(|| format!("mount on {}", shown(at))))
    }
}

impl What<'_> {
    /// It, mounted nowhere yet.
    fn tree(&self, memory: &MemoryFiles) -> Result<OwnedFd> {
        let tree = match self {
            Self::Content(content) => memory.file(content)?,
            Self::Nothing => memory.directory()?,
            Self::FilesOf(target, root) => copy_mounts(target, root.as_fd())?,
            Self::Sysfs => return new_sysfs().context(|| "make the /sys of the network namespace"),
            Self::Own(path) => {
                let flags =
                    OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
                return open_tree(CWD, path, flags).context(|| format!("open {}", shown(path)));
            }
        };
        restrict(&tree).context(|| "restrict a mount")?;
        Ok(tree)
    }
}

/// A new sysfs, read-only where the caller's is.
fn new_sysfs() -> IoResult<OwnedFd> {
    let is_read_only = statvfs("/sys")?.f_flag.contains(StatVfsMountFlags::RDONLY);
    let more = if is_read_only { MountAttrFlags::MOUNT_ATTR_RDONLY } else { MountAttrFlags::empty() };
    new_file_system("sysfs", &[], HARMLESS | more)
}
