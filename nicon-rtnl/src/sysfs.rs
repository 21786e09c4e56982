//! What identifies a link wherever it goes: its directory in sysfs.
//!
//! A link's names, ifindex, hardware address and alias are what the root user of its namespace makes of them. Its directory
//! is not: the kernel makes it together with the link, and when the link gets another name or namespace it renames that very
//! directory (`device_rename` in `dev_change_net_namespace`, net/core/dev.c). So the inode number stays; nobody can choose it;
//! and it is not given twice, being a counter of 64 bits (`__kernfs_new_node`, fs/kernfs/dir.c, Linux 5.5).
//!
//! Which links a sysfs shows depends on who mounted it, and where: each network namespace gets a mount of our own, which is
//! attached nowhere.

use std::os::fd::OwnedFd;

use nicon_core::{Namespace, NsId, Result};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::read;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use crate::link::Link;
use crate::netlink::inside;

/// The sysfs of one network namespace.
pub(crate) struct Sysfs(OwnedFd);

impl Sysfs {
    /// Mounts it; `None` where we may not, or the kernel has none.
    pub(crate) fn mount(there: &Namespace, home: NsId) -> Result<Option<Self>> {
        let mounted = inside(there, home, || {
            let context = fsopen(c"sysfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
            fsconfig_create(&context)?;
            let read_only = MountAttrFlags::MOUNT_ATTR_RDONLY;
            fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, read_only)
        })?;
        Ok(mounted.ok().map(Self))
    }

    /// The inode number of a link's directory; `None` where the link is not there any more under its name and ifindex.
    pub(crate) fn inode(&self, link: &Link) -> Option<u64> {
        let open = |path: &str, flags| openat(&self.0, path, flags | OFlag::O_CLOEXEC, Mode::empty()).ok();
        let directory = open(&format!("class/net/{}", link.name), OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        // The name may have been given to another link since it was asked for.
        let file = openat(&directory, "ifindex", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
        let mut text = [0; 16];
        let length = read(&file, &mut text).ok()?;
        let ifindex: u32 = std::str::from_utf8(&text[..length]).ok()?.trim_end().parse().ok()?;
        if ifindex == link.ifindex { fstat(&directory).ok().map(|stat| stat.st_ino) } else { None }
    }
}
