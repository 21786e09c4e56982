//! Files that others may serve or change: what the kernel knows of an open one, and look-ups that stay below a directory.

use std::ffi::CStr;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use crate::{Namespace, sys};

/// `RESOLVE_CACHED` of linux/openat2.h (Linux 5.12), which nix lacks: fail with EAGAIN if the look-up would have to wait.
const RESOLVE_CACHED: ResolveFlag = ResolveFlag::from_bits_retain(0x20);

/// Of linux/magic.h: also that of a devtmpfs.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// How often a look-up is tried.
const MAX_LOOKUPS: usize = 64;

/// Opens what is at `path` below the directory `root`, as if that were the root directory: no link, `..` or magic link of
/// /proc leads out of it. `flags` are those of `open(2)`, to which `O_CLOEXEC` is added. This waits for whoever serves the
/// file system: see [`open_cached`].
///
/// # Errors
/// What `openat2(2)` fails with; EAGAIN if names change all the time, which whoever may rename them can cause.
pub fn open_below(root: BorrowedFd<'_>, path: &Path, flags: i32) -> io::Result<OwnedFd> {
    // The kernel returns EAGAIN if names change meanwhile.
    let mut looks = (0..MAX_LOOKUPS).map(|_| look_up(root, path, flags, ResolveFlag::empty()));
    Ok(looks.find(|answer| !matches!(answer, Err(Errno::EAGAIN))).unwrap_or(Err(Errno::EAGAIN))?)
}

/// The same, if the kernel can do so without asking the server of a file system, which may never reply.
///
/// # Errors
/// EAGAIN if it cannot, EINVAL before Linux 5.12; otherwise as [`open_below`].
pub fn open_cached(root: BorrowedFd<'_>, path: &Path, flags: i32) -> io::Result<OwnedFd> {
    Ok(look_up(root, path, flags, RESOLVE_CACHED)?)
}

fn look_up(root: BorrowedFd<'_>, path: &Path, flags: i32, more: ResolveFlag) -> nix::Result<OwnedFd> {
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_CLOEXEC;
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | more;
    openat2(root, path, OpenHow::new().flags(flags).resolve(resolve))
}

/// Whether an open file is on a tmpfs, which nobody but the kernel serves: nobody is asked whether it may be opened. `mntns` is the mount
/// namespace in which it was looked up.
///
/// Look-ups in a directory there can block nevertheless: whoever reads the directory holds its lock while the kernel writes to his memory,
/// which somebody else may serve.
///
/// # Errors
/// ENOTTY before Linux 6.11; EPERM or ENOENT without `CAP_SYS_ADMIN` over the namespace.
pub fn is_on_tmpfs(file: impl AsFd, mntns: &Namespace) -> io::Result<bool> {
    let mntns = sys::ns_get_mntns_id(mntns)?;
    let mount = sys::stat_without_sync(file, c"")?.mount.ok_or(Errno::ENOSYS)?;
    Ok(sys::magic_of_mount(mount, mntns)? == TMPFS_MAGIC)
}

/// All that is left to be read of a file; `None` if that is more than `most` bytes, of which no more are read.
///
/// # Errors
/// What reading fails with.
pub fn read_at_most(file: impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let length = file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((length as u64 <= most).then_some(bytes))
}

/// An open file's identity and type. Reading them never blocks, unlike `fstat(2)`, which asks the server of a FUSE file
/// system: that may be a process in a container that never replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// File type, and permissions where the kernel knows them: `st_mode` of `stat(3type)`.
    mode: u32,
    /// Device number of the device that it is the node of; 0 of other files.
    pub rdev: u64,
}

impl FileInfo {
    /// Reads them with `statx(2)`; a file opened with `O_PATH` will do.
    ///
    /// # Errors
    /// What `statx(2)` fails with.
    pub fn of(file: impl AsFd) -> io::Result<Self> {
        Self::at(file, c"")
    }

    /// Reads them of the file at `path` in `dir`. So that the look-up does not block either, `path` must be a magic link in
    /// /proc, such as `cwd`.
    ///
    /// # Errors
    /// What `statx(2)` fails with.
    pub fn at(dir: impl AsFd, path: &CStr) -> io::Result<Self> {
        let stat = sys::stat_without_sync(dir, path)?;
        Ok(Self { dev: stat.dev, ino: stat.ino, mode: stat.mode.into(), rdev: stat.rdev })
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFREG
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFDIR
    }

    /// Whether it is a socket.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFSOCK
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn identity_and_type_match_stat() {
        let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
        assert!(FileInfo::of(&socket).unwrap().is_socket());
        for (path, is_file, is_dir) in
            [("/proc/self/stat", true, false), ("/dev/null", false, false), ("/", false, true)]
        {
            let file = std::fs::File::open(path).unwrap();
            let (stat, info) = (file.metadata().unwrap(), FileInfo::of(&file).unwrap());
            assert_eq!((info.dev, info.ino, info.rdev), (stat.dev(), stat.ino(), stat.rdev()));
            assert_eq!((info.is_file(), info.is_dir(), info.is_socket()), (is_file, is_dir, false));
        }
    }

    #[test]
    fn no_more_is_read_than_may_be() {
        let read = |most| read_at_most(&b"four"[..], most).unwrap();
        assert_eq!([read(3), read(4), read(u64::MAX)], [None, Some(b"four".to_vec()), Some(b"four".to_vec())]);
        assert_eq!(read_at_most(std::fs::File::open("/dev/zero").unwrap(), 9).unwrap(), None);
    }

    #[test]
    fn a_tmpfs_is_what_the_list_of_mounts_calls_so() {
        let mntns = Namespace::open("/proc/self/ns/mnt".as_ref()).unwrap();
        let own = is_on_tmpfs(std::fs::File::open("/").unwrap(), &mntns).map_err(|error| error.raw_os_error());
        if own == Err(Some(libc::ENOTTY)) {
            // Before Linux 6.11 it is never known.
            return;
        }
        let list = std::fs::read("/proc/self/mountinfo").unwrap();
        let mut count = 0;
        for path in ["/", "/proc", "/dev", "/dev/shm", "/run", "/sys", "/tmp"] {
            let mut mounts = crate::mountinfo::mounts(&list);
            let Some(mount) = mounts.rfind(|mount| mount.point == path.as_bytes()) else { continue };
            let is_tmpfs = is_on_tmpfs(std::fs::File::open(path).unwrap(), &mntns).unwrap();
            assert_eq!(is_tmpfs, [&b"tmpfs"[..], b"devtmpfs"].contains(&mount.fs_type), "{path}");
            count += 1;
        }
        assert!(count > 1);
    }

    #[test]
    fn a_look_up_stays_below_its_root() {
        let root = std::fs::File::open("/proc/self/task").unwrap();
        let at = |path: &str| open_below(root.as_fd(), path.as_ref(), libc::O_PATH).and_then(FileInfo::of);
        assert_eq!(at("/").unwrap(), FileInfo::of(&root).unwrap());
        assert_eq!(at("../../..").unwrap(), FileInfo::of(&root).unwrap());
        let own = std::process::id();
        assert_eq!(at(&format!("{own}/cwd")).unwrap_err().raw_os_error(), Some(libc::ELOOP));
        assert_eq!(at("absent").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
