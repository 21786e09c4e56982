//! Mounts that are made before they are anywhere.

use std::io::Result as IoResult;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
    move_mount,
};

/// Nothing there is executed or a device.
pub(crate) const HARMLESS: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV).union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// A new file system with these options that is mounted in no namespace: `fsmount(2)`, Linux 5.2.
pub(crate) fn new_file_system(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> IoResult<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (name, value) in options {
        fsconfig_set_string(&context, *name, *value)?;
    }
    fsconfig_create(&context)?;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// Mounts what is mounted nowhere. What is a symbolic link to a file there, as /etc/resolv.conf often is, is covered itself: where it leads may
/// not exist.
pub(crate) fn attach(tree: &OwnedFd, at: &Path) -> IoResult<()> {
    let follow = if at.is_dir() { MoveMountFlags::MOVE_MOUNT_T_SYMLINKS } else { MoveMountFlags::empty() };
    Ok(move_mount(tree, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | follow)?)
}

/// `struct mount_attr` of linux/mount.h.
#[repr(C)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// `MOUNT_ATTR_RDONLY`, `_NOSUID`, `_NODEV`, `_NOEXEC` and `_NOSYMFOLLOW` of linux/mount.h.
const RESTRICTED: u64 = 0x1 | 0x2 | 0x4 | 0x8 | 0x20_0000;

/// Makes a tree of mounts, which is mounted nowhere yet, one that nobody can write to, in which nothing is executed, a device or a link to be
/// followed, and which is told of no other mounts, nor tells of its own: `mount_setattr(2)`, Linux 5.12; rustix lacks it.
pub(crate) fn restrict(tree: impl AsFd) -> nix::Result<()> {
    let attributes = Attributes { set: RESTRICTED, clear: 0, propagation: libc::MS_PRIVATE, user_namespace: 0 };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    let tree = tree.as_fd().as_raw_fd();
    // SAFETY: the path is a C string, and the kernel reads as many bytes as it is told.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree,
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<Attributes>(),
        )
    };
    Errno::result(done).map(drop)
}
