//! Looks up paths below a container's root directory, where anything may be.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nicon_core::file::{FileInfo, open_below, open_cached};
use nicon_core::{Context, Process, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;

use crate::rootfs::blocking::{self, threads_of_one, threads_of_user};
use crate::rootfs::threads::Threads;

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

/// The root directory of a container, or our own, and look-ups below it.
///
/// A container's root can serve a FUSE file system that never answers. So only cached look-ups are done in place, and
/// all others on a thread.
pub(crate) struct Root {
    directory: Arc<Directory>,
    /// Those that may wait for it.
    threads: Arc<Threads>,
    /// Look-ups that were done in advance.
    seen: Mutex<Box<[Lookup]>>,
}

fn ours() -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open("/", flags, Mode::empty()).context(|| "open /")
}

impl Root {
    /// Opens the root directory of `container`, or our own, for which these threads may wait.
    pub(crate) fn of(container: Option<&Process>, threads: &Arc<Threads>) -> Result<Self> {
        let opened = container.map_or_else(ours, Process::root);
        let directory = Directory { parts: vec![(PathBuf::new(), opened?)], is_ours: container.is_none() };
        Ok(Self::new(directory).asked_by(threads))
    }

    fn new(directory: Directory) -> Self {
        Self { directory: Arc::new(directory), threads: threads_of_one(), seen: Mutex::default() }
    }

    /// The same, for which no others but these threads may wait.
    pub(crate) fn asked_by(self, threads: &Arc<Threads>) -> Self {
        Self { threads: Arc::clone(threads), ..self }
    }

    /// The same directory as another user has it, who keeps nobody else from being asked.
    pub(crate) fn of_another(&self, uid: u32) -> Self {
        Self { directory: Arc::clone(&self.directory), threads: threads_of_user(uid), seen: Mutex::default() }
    }

    /// Our own root directory, for paths that lead through directories of other users.
    pub(crate) fn untrusted() -> Result<Self> {
        ours().map(Directory::untrusted).map(Self::new)
    }

    /// Nothing but some directories with untrusted contents, each with the path at which it is seen.
    pub(crate) fn of_parts(mut parts: Vec<(PathBuf, OwnedFd)>) -> Self {
        // One may be below another: the innermost counts.
        parts.sort_by_key(|(path, _)| std::cmp::Reverse(path.components().count()));
        Self::new(Directory { parts, is_ours: false })
    }

    /// Those that may wait for it.
    pub(crate) fn threads(&self) -> &Arc<Threads> {
        &self.threads
    }

    /// Does `work` that may block forever on a thread; in place if the directory is our own.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Directory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.directory.is_ours {
            return work(&self.directory);
        }
        let directory = Arc::clone(&self.directory);
        blocking::ask_one(&self.threads, move || work(&directory)).await
    }

    /// Looks up `paths` in advance, on one thread.
    pub(crate) async fn look_for(&self, paths: Vec<PathBuf>) {
        let (mut seen, paths) = self.split_known(paths);
        // A failure is repeated when the path is needed, and reported then.
        if !paths.is_empty()
            && let Ok(asked) = self.ask(|directory| Ok(directory.files_at(paths))).await
        {
            seen.extend(asked);
        }
        self.remember(seen);
    }

    /// Splits `paths` into look-ups that need not block, and the rest.
    pub(crate) fn split_known(&self, paths: Vec<PathBuf>) -> (Vec<Lookup>, Vec<PathBuf>) {
        let (mut seen, mut left) = (Vec::new(), Vec::new());
        for path in paths {
            match self.cached(&path) {
                Some(known) => seen.push((path, known)),
                None => left.push(path),
            }
        }
        (seen, left)
    }

    /// Remembers look-ups.
    pub(crate) fn remember(&self, seen: Vec<Lookup>) {
        let mut known = self.seen();
        let more = seen.into_iter().filter(|(path, _)| known.iter().all(|(seen, _)| !is_spelt_as(seen, path)));
        let more: Vec<_> = more.collect();
        if !more.is_empty() {
            *known = std::mem::take(&mut *known).into_iter().chain(more).collect();
        }
    }

    fn seen(&self) -> MutexGuard<'_, Box<[Lookup]>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file at `path`.
    pub(crate) async fn file_at(&self, path: &Path) -> Result<FileId> {
        let known = if let Some(known) = self.cached(path) {
            known
        } else {
            let path = path.to_owned();
            self.ask(move |directory| Ok(directory.file_at(&path))).await?
        };
        known.context(|| format!("open {}", path.display()))
    }

    /// Whether there is nothing at `path`, as far as that is known without blocking.
    pub(crate) fn is_known_absent(&self, path: &Path) -> bool {
        self.cached(path).is_some_and(|found| found.is_err_and(is_absent))
    }

    /// The file at `path`, if that is known without blocking: it was looked up in advance, or is in the kernel's cache,
    /// as it nearly always is.
    pub(crate) fn cached(&self, path: &Path) -> Option<nix::Result<FileId>> {
        if let Some((_, seen)) = self.seen().iter().find(|(seen, _)| is_spelt_as(seen, path)) {
            return Some(*seen);
        }
        if self.directory.is_ours {
            return None;
        }
        match self.directory.look_up(path, open_cached) {
            Err(Errno::EAGAIN | Errno::EINVAL) => None,
            settled => Some(identify(settled)),
        }
    }
}

/// Whether two paths are the same text: to compare them by their components would take longer than most look-ups.
fn is_spelt_as(one: &Path, other: &Path) -> bool {
    one.as_os_str() == other.as_os_str()
}

/// A root directory. Paths below a container's never lead out of it: absolute links are resolved inside it, and links
/// such as /proc/1/root are not followed. Our own file system is trusted.
pub(crate) struct Directory {
    /// What paths begin with, and the directory below which they then are; nothing for a root directory.
    parts: Vec<(PathBuf, OwnedFd)>,
    is_ours: bool,
}

impl Directory {
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

    fn look_up(
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

fn identify(found: nix::Result<OwnedFd>) -> nix::Result<FileId> {
    found.and_then(|file| FileInfo::of(file).map_err(errno)).map(FileId::from)
}

fn errno(error: io::Error) -> Errno {
    Errno::try_from(error).unwrap_or(Errno::EIO)
}

/// Whether a failure means that there is no such file.
pub(crate) fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENOTDIR)
}
