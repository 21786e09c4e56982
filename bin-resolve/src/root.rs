//! Looking below a container's root directory, whose owner may have put anything there.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use nicon_core::file::{Known, RESOLVE_CACHED};
use nicon_core::rights::to_look;
use nicon_core::{Doing, Error, Process, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::Mode;

use crate::aside;

/// `openat2(2)` asks to be called again when names move about while it looks; a container could make it do so forever.
const MAX_LOOKUPS: usize = 64;

/// Device and inode number: two paths with the same ones lead to the same engine, whatever they are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FileId(u64, u64);

impl From<Known> for FileId {
    fn from(known: Known) -> Self {
        Self(known.dev, known.ino)
    }
}

/// A path, and which file is there.
pub(crate) type Seen = (PathBuf, Result<FileId>);

/// The root directory of a container, or our own, and what was found below it.
///
/// Whoever is root in a container may serve its file systems himself (FUSE) and never answer. So only what the kernel has at
/// hand is looked up at once; all else is asked aside.
pub(crate) struct Root {
    directory: Arc<Directory>,
    /// What was looked up beforehand.
    seen: OnceLock<Vec<Seen>>,
}

impl Root {
    /// Opens the root directory of `container`, or our own.
    pub(crate) fn of(container: Option<&Process>) -> Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let opened = match container {
            Some(process) => openat(process.dir(), "root", flags, Mode::empty())
                .doing(|| format!("open /proc/{}/root", process.pid()))
                .map_err(|error| match error.errno() {
                    Some(Errno::EACCES | Errno::EPERM) => error.and_say(&format!(" ({})", to_look("the process has"))),
                    _ => error,
                }),
            None => open("/", flags, Mode::empty()).doing(|| "open /"),
        };
        let directory = Arc::new(Directory { fd: opened?, is_ours: container.is_none() });
        Ok(Self { directory, seen: OnceLock::new() })
    }

    /// Asks below the directory for what may take for ever; at once where it is our own.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Directory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.directory.is_ours {
            return work(&self.directory);
        }
        let directory = Arc::clone(&self.directory);
        aside::ask(move || work(&directory)).await
    }

    /// Looks `paths` up beforehand, all of them in one go.
    pub(crate) async fn look_for(&self, paths: Vec<PathBuf>) {
        let (mut seen, paths) = self.tell_apart(paths);
        // What goes wrong here goes wrong again for whoever needs to know.
        if !paths.is_empty()
            && let Ok(asked) = self.ask(|directory| Ok(directory.files_at(paths))).await
        {
            seen.extend(asked);
        }
        self.remember(seen);
    }

    /// What can be told of `paths` at once, and those of which nothing can.
    pub(crate) fn tell_apart(&self, paths: Vec<PathBuf>) -> (Vec<Seen>, Vec<PathBuf>) {
        let (mut seen, mut left) = (Vec::new(), Vec::new());
        for path in paths {
            match self.at_hand(&path) {
                Some(known) => seen.push((path, known)),
                None => left.push(path),
            }
        }
        (seen, left)
    }

    /// Remembers what was looked up beforehand; the first time counts.
    pub(crate) fn remember(&self, seen: Vec<Seen>) {
        let _ = self.seen.set(seen);
    }

    /// Which file is at `path`.
    pub(crate) async fn file_at(&self, path: &Path) -> Result<FileId> {
        if let Some(known) = self.at_hand(path) {
            return known;
        }
        let path = path.to_owned();
        self.ask(move |directory| directory.file_at(&path)).await
    }

    /// Which file is at `path`, where that can be told at once: because it was looked up beforehand, or the kernel has it at
    /// hand, as it nearly always has.
    pub(crate) fn at_hand(&self, path: &Path) -> Option<Result<FileId>> {
        if let Some((_, seen)) = self.seen.get().and_then(|seen| seen.iter().find(|(seen, _)| seen == path)) {
            return Some(seen.clone());
        }
        if self.directory.is_ours {
            return None;
        }
        match self.directory.look_up(path, RESOLVE_CACHED) {
            Err(Errno::EAGAIN | Errno::EINVAL) => None,
            settled => Some(identify(path, settled)),
        }
    }
}

/// A root directory. Names below a container's never lead out of it: its absolute links stay in it, and links such as
/// /proc/1/root are not followed. Our own file system is the user's to arrange, with whatever links.
pub(crate) struct Directory {
    fd: OwnedFd,
    is_ours: bool,
}

impl Directory {
    /// A directory in which somebody else may have put anything.
    pub(crate) fn of_stranger(fd: OwnedFd) -> Self {
        Self { fd, is_ours: false }
    }

    /// Finds `path`, however long that takes.
    pub(crate) fn find(&self, path: &Path) -> nix::Result<OwnedFd> {
        if self.is_ours {
            return open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
        }
        let mut looks = (0..MAX_LOOKUPS).map(|_| self.look_up(path, ResolveFlag::empty()));
        looks.find(|answer| !matches!(answer, Err(Errno::EAGAIN))).unwrap_or(Err(Errno::EAGAIN))
    }

    /// Looks up `paths`, however long that takes.
    pub(crate) fn files_at(&self, paths: Vec<PathBuf>) -> Vec<Seen> {
        let look = |path: PathBuf| {
            let file = self.file_at(&path);
            (path, file)
        };
        paths.into_iter().map(look).collect()
    }

    /// Which file is at `path`, however long it takes to learn that.
    pub(crate) fn file_at(&self, path: &Path) -> Result<FileId> {
        identify(path, self.find(path))
    }

    fn look_up(&self, path: &Path, more: ResolveFlag) -> nix::Result<OwnedFd> {
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | more;
        openat2(&self.fd, path, OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve))
    }
}

fn identify(path: &Path, found: nix::Result<OwnedFd>) -> Result<FileId> {
    found.and_then(Known::of).map(FileId::from).doing(|| format!("open {}", path.display()))
}

/// Whether a failure means that there is no such file.
pub(crate) fn is_absent(error: &Error) -> bool {
    matches!(error.errno(), Some(Errno::ENOENT | Errno::ENOTDIR))
}
