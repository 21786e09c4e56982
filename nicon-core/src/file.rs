//! What a file is, as far as the kernel knows that by itself.

use std::ffi::CStr;
use std::os::fd::AsFd;

use nix::fcntl::ResolveFlag;
use nix::sys::stat::SFlag;

use crate::sys;

/// `RESOLVE_CACHED` of linux/openat2.h (Linux 5.12), which nix lacks: look up only what needs no waiting, else EAGAIN.
pub const RESOLVE_CACHED: ResolveFlag = ResolveFlag::from_bits_retain(0x20);

/// An open file's identity and type. To learn them never waits: `fstat(2)` asks the server of a file system (FUSE), which
/// may be a container's own process and never answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Its type: `S_IFREG`, `S_IFSOCK`, ...
    pub kind: SFlag,
}

impl Known {
    /// Looks at an open file, for which `O_PATH` is enough: `statx(2)`.
    ///
    /// # Errors
    /// What `statx(2)` fails with.
    pub fn of(file: impl AsFd) -> nix::Result<Self> {
        Self::at(file, c"")
    }

    /// Looks at the file to which `path` leads from `dir`. The way must not wait either: it is to be a link of /proc, such as
    /// `cwd`, which leads to a file without looking anything up.
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
    fn it_is_what_stat_says() {
        for (path, kind) in [("/proc/self/stat", SFlag::S_IFREG), ("/dev/null", SFlag::S_IFCHR), ("/", SFlag::S_IFDIR)]
        {
            let file = std::fs::File::open(path).unwrap();
            let stat = file.metadata().unwrap();
            assert_eq!(Known::of(&file), Ok(Known { dev: stat.dev(), ino: stat.ino(), kind }));
        }
    }
}
