//! A root directory with untrusted contents, or our own, and what is found below it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nicon_core::file::{FileInfo, open_below};
use nicon_core::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;

/// Device and inode number. Paths with the same ones lead to the same engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FileId(u64, u64);

impl From<FileInfo> for FileId {
    fn from(known: FileInfo) -> Self {
        Self(known.dev, known.ino)
    }
}

/// A path, and the file that was found there. A machine has thousands of these, so that a failure is but its number.
pub(crate) type Lookup = (PathBuf, nix::Result<FileId>);

/// A root directory. Paths below a container's never lead out of it: absolute links are resolved inside it, and links
/// such as /proc/1/root are not followed. Our own file system is trusted.
pub(crate) struct Directory {
    /// What paths begin with, and the directory below which they then are; nothing for a root directory.
    parts: Vec<(PathBuf, OwnedFd)>,
    is_ours: bool,
}

impl Directory {
    /// Our own root directory.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn ours() -> Result<Self> {
        Ok(Self { is_ours: true, ..Self::ours_untrusted()? })
    }

    /// The same, for paths that lead through directories of other users.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn ours_untrusted() -> Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self::untrusted(open("/", flags, Mode::empty()).context(|| "open /")?))
    }

    /// Nothing but some directories with untrusted contents, each with the path at which it is seen.
    pub(super) fn of_parts(mut parts: Vec<(PathBuf, OwnedFd)>) -> Self {
        // One may be below another: the innermost counts.
        parts.sort_by_key(|(path, _)| std::cmp::Reverse(path.components().count()));
        Self { parts, is_ours: false }
    }

    /// Whether it is our own root directory, and trusted.
    pub(super) fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// A directory with untrusted contents.
    pub(crate) fn untrusted(fd: OwnedFd) -> Self {
        Self { parts: vec![(PathBuf::new(), fd)], is_ours: false }
    }

    /// Finds `path`. This may block forever.
    pub(crate) fn find(&self, path: &Path) -> nix::Result<OwnedFd> {
        if self.is_ours {
            return open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
        }
        self.look_up(path, open_below)
    }

    /// Opens the file at `path` to read it; `None` if it is not a regular file. This may block forever.
    pub(crate) fn open_regular(&self, path: &Path) -> nix::Result<Option<File>> {
        if self.is_ours {
            let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            let file = File::from(open(path, flags, Mode::empty())?);
            return Ok(FileInfo::of(&file).map_err(errno)?.is_file().then_some(file));
        }
        // To open a pipe or a device has side effects, which whoever put it there may want.
        let found = self.find(path)?;
        if !FileInfo::of(&found).map_err(errno)?.is_file() {
            return Ok(None);
        }
        Ok(Some(File::open(format!("/proc/self/fd/{}", found.as_raw_fd())).map_err(errno)?))
    }

    /// Looks up `paths`. This may block forever.
    pub(crate) fn files_at(&self, paths: Vec<PathBuf>) -> Vec<Lookup> {
        let look = |path: PathBuf| {
            let file = self.file_at(&path);
            (path, file)
        };
        paths.into_iter().map(look).collect()
    }

    /// The file at `path`. This may block forever.
    pub(crate) fn file_at(&self, path: &Path) -> nix::Result<FileId> {
        identify(self.find(path))
    }

    /// Opens `path` by one of the ways to look it up, below the part that it is in.
    pub(super) fn look_up(
        &self,
        path: &Path,
        open: fn(BorrowedFd<'_>, &Path, i32) -> io::Result<OwnedFd>,
    ) -> nix::Result<OwnedFd> {
        let below = |(at, fd)| Some((path.strip_prefix(at).ok()?, fd));
        let (below, fd) = self.parts.iter().find_map(|(at, fd)| below((at, fd))).ok_or(Errno::ENOENT)?;
        let path = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        open(fd.as_fd(), path, libc::O_PATH).map_err(errno)
    }
}

/// The file that was found.
pub(super) fn identify(found: nix::Result<OwnedFd>) -> nix::Result<FileId> {
    found.and_then(|file| FileInfo::of(file).map_err(errno)).map(FileId::from)
}

fn errno(error: io::Error) -> Errno {
    Errno::try_from(error).unwrap_or(Errno::EIO)
}

/// Whether a failure means that there is no such file.
pub(crate) fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENOTDIR)
}
