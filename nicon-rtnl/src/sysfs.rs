//! What identifies a link wherever it goes: its directory in sysfs.
//!
//! Root in a link's namespace controls its names, ifindex, hardware address and alias, but not its directory. The kernel creates
//! that together with the link, and renames it when the link gets another name or namespace (`device_rename` in
//! `dev_change_net_namespace`, net/core/dev.c). So the inode number stays the same, nobody can choose it, and it is not reused,
//! being a 64-bit counter (`__kernfs_new_node` in fs/kernfs/dir.c, Linux 5.5).
//!
//! Which links a sysfs shows depends on the namespace that it was mounted in, so each namespace gets a detached mount of our
//! own.

use std::os::fd::OwnedFd;

use nicon_core::{Namespace, NsId, Result};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::read;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use crate::inside::inside;
use crate::link::Link;

/// The sysfs of one network namespace.
pub(crate) struct Sysfs(OwnedFd);

impl Sysfs {
    /// Mounts it; `None` if we may not, or the kernel does not have it.
    pub(crate) fn mount(there: &Namespace, home: NsId) -> Result<Option<Self>> {
        let mounted = inside(there, home, || {
            let context = fsopen(c"sysfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
            fsconfig_create(&context)?;
            let read_only = MountAttrFlags::MOUNT_ATTR_RDONLY;
            fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, read_only)
        })?;
        Ok(mounted.ok().map(Self))
    }

    /// The wireless device that a link belongs to.
    pub(crate) fn phy(&self, link: &Link) -> Option<String> {
        let path = format!("class/net/{}/phy80211/name", link.name);
        let file = openat(&self.0, path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
        let mut text = [0; 128];
        let length = read(&file, &mut text).ok()?;
        std::str::from_utf8(&text[..length]).ok().map(|name| name.trim_end().to_owned())
    }

    /// The inode number of a link's directory; `None` if the link is not there any more under its name and ifindex.
    pub(crate) fn inode(&self, link: &Link) -> Option<u64> {
        let open = |path: &str, flags| openat(&self.0, path, flags | OFlag::O_CLOEXEC, Mode::empty()).ok();
        let directory = open(&format!("class/net/{}", link.name), OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        // The name may belong to another link by now.
        let file = openat(&directory, "ifindex", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
        let mut text = [0; 16];
        let length = read(&file, &mut text).ok()?;
        let ifindex: u32 = std::str::from_utf8(&text[..length]).ok()?.trim_end().parse().ok()?;
        if ifindex == link.ifindex { fstat(&directory).ok().map(|stat| stat.st_ino) } else { None }
    }
}
