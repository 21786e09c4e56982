//! What the kernel knows about an open file without asking the server of its file system.

use std::ffi::CStr;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::ResolveFlag;
use nix::sys::stat::SFlag;

use crate::sys;

/// `RESOLVE_CACHED` of linux/openat2.h (Linux 5.12), which nix lacks: fail with EAGAIN if the lookup would have to wait.
pub const RESOLVE_CACHED: ResolveFlag = ResolveFlag::from_bits_retain(0x20);

/// How often a look-up is tried.
const MAX_LOOKUPS: usize = 64;

/// Looks something up with `openat2(2)`, and once more if names change meanwhile: the kernel then returns EAGAIN, which a
/// container could cause forever.
///
/// # Errors
/// What `look_up` fails with; EAGAIN if names change each time.
pub fn retry<T>(look_up: impl Fn() -> nix::Result<T>) -> nix::Result<T> {
    let mut looks = (0..MAX_LOOKUPS).map(|_| look_up());
    looks.find(|answer| !matches!(answer, Err(Errno::EAGAIN))).unwrap_or(Err(Errno::EAGAIN))
}

/// An open file's identity and type. Reading them never blocks, unlike `fstat(2)`, which asks the server of a FUSE file
/// system: that may be a process in a container that never replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// File type: `S_IFREG`, `S_IFSOCK`, ...
    pub kind: SFlag,
}

impl Known {
    /// Reads them with `statx(2)`; a file opened with `O_PATH` will do.
    ///
    /// # Errors
    /// What `statx(2)` fails with.
    pub fn of(file: impl AsFd) -> nix::Result<Self> {
        Self::at(file, c"")
    }

    /// Reads them of the file at `path` in `dir`. So that the lookup does not block either, `path` must be a magic link in
    /// /proc, such as `cwd`.
    ///
    /// # Errors
    /// What `statx(2)` fails with.
    pub fn at(dir: impl AsFd, path: &CStr) -> nix::Result<Self> {
        let stat = sys::stat_without_sync(dir, path)?;
        let kind = SFlag::from_bits_truncate(stat.mode.into()) & SFlag::S_IFMT;
        Ok(Self { dev: stat.dev, ino: stat.ino, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn identity_and_type_match_stat() {
        for (path, kind) in [("/proc/self/stat", SFlag::S_IFREG), ("/dev/null", SFlag::S_IFCHR), ("/", SFlag::S_IFDIR)]
        {
            let file = std::fs::File::open(path).unwrap();
            let stat = file.metadata().unwrap();
            assert_eq!(Known::of(&file), Ok(Known { dev: stat.dev(), ino: stat.ino(), kind }));
        }
    }
}
