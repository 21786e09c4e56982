//! Reading files below a container's root directory, whose owner may have put anything there.

use std::cell::Cell;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nicon_core::file::Known;
use nicon_core::{Doing, Error, Process, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::{Mode, SFlag};

use crate::container::brief;

/// `openat2(2)` asks to be called again when names move about while it looks; a container could make it do so forever.
const MAX_LOOKUPS: usize = 64;

/// The most that is read of one file, and of all files of one engine, in bytes: an engine's file has some 10 KiB.
const MAX_FILE: u64 = 1 << 20;
const MAX_TOTAL: u64 = 64 << 20;

/// The most entries that a directory may have.
const MAX_ENTRIES: usize = 10_000;

/// `RESOLVE_CACHED` of linux/openat2.h (Linux 5.12), which nix lacks: look up only what needs no waiting, else EAGAIN.
const RESOLVE_CACHED: ResolveFlag = ResolveFlag::from_bits_retain(0x20);

/// Device and inode number: two paths with the same ones lead to the same engine, whatever they are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    pub(crate) fn of(file: &OwnedFd) -> nix::Result<Self> {
        Known::of(file).map(Self::from)
    }
}

impl From<Known> for FileId {
    fn from(known: Known) -> Self {
        Self(known.dev, known.ino)
    }
}

/// The root directory of a container, or our own. Names below it never lead out of it: absolute links of the container
/// stay in it, and links such as /proc/1/root are not followed.
pub(crate) struct Root {
    fd: OwnedFd,
    /// Paths of which a thread has said that they are not there.
    lacks: OnceLock<Vec<PathBuf>>,
}

impl Root {
    /// Opens the root directory of `container`, or our own.
    pub(crate) fn of(container: Option<&Process>) -> Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = match container {
            Some(process) => openat(process.dir(), "root", flags, Mode::empty())
                .doing(|| format!("open /proc/{}/root (root, or CAP_SYS_PTRACE)", process.pid())),
            None => open("/", flags, Mode::empty()).doing(|| "open /"),
        };
        root.map(Self::new)
    }

    pub(crate) fn try_clone(&self) -> nix::Result<Self> {
        self.fd.try_clone().map(Self::new).map_err(|_| Errno::EMFILE)
    }

    fn new(fd: OwnedFd) -> Self {
        Self { fd, lacks: OnceLock::new() }
    }

    /// Finds out which of `paths` are not there, for [`Root::reach`] to know: one thread looks for all of them.
    pub(crate) async fn look_for(&self, paths: Vec<PathBuf>) {
        let is_open = |path: &PathBuf| self.look_up(path, RESOLVE_CACHED).is_err_and(|errno| errno == Errno::EAGAIN);
        let open: Vec<PathBuf> = paths.into_iter().filter(is_open).collect();
        let (false, Ok(root)) = (open.is_empty(), self.try_clone()) else { return };
        let is_absent = move |path: &PathBuf| root.find(path).is_err_and(|errno| errno == Errno::ENOENT);
        let looking = tokio::task::spawn_blocking(move || open.into_iter().filter(is_absent).collect());
        if let Ok(absent) = looking.await {
            let _ = self.lacks.set(absent);
        }
    }

    /// Finds `path`.
    ///
    /// Whoever is root in the container may serve its file systems himself (FUSE) and never answer. So only what the
    /// kernel has at hand is looked up here, as it nearly always has; the rest is left to a thread, which the time-out
    /// of the hop leaves behind.
    pub(crate) async fn reach(&self, path: &Path) -> nix::Result<OwnedFd> {
        if self.lacks.get().is_some_and(|lacks| lacks.iter().any(|lacked| lacked == path)) {
            return Err(Errno::ENOENT);
        }
        match self.look_up(path, RESOLVE_CACHED) {
            Err(Errno::EAGAIN | Errno::EINVAL) => {}
            settled => return settled,
        }
        let (root, path) = (self.try_clone()?, path.to_owned());
        tokio::task::spawn_blocking(move || root.find(&path)).await.unwrap_or(Err(Errno::EIO))
    }

    /// Finds `path`, however long that takes.
    fn find(&self, path: &Path) -> nix::Result<OwnedFd> {
        let mut looks = (0..MAX_LOOKUPS).map(|_| self.look_up(path, ResolveFlag::empty()));
        looks.find(|answer| !matches!(answer, Err(Errno::EAGAIN))).unwrap_or(Err(Errno::EAGAIN))
    }

    fn look_up(&self, path: &Path, more: ResolveFlag) -> nix::Result<OwnedFd> {
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | more;
        openat2(&self.fd, path, OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve))
    }
}

/// The files of one engine, on a thread that may be left behind.
pub(crate) struct Files {
    root: Root,
    left: Cell<u64>,
}

impl Files {
    pub(crate) fn new(root: Root) -> Self {
        Self { root, left: Cell::new(MAX_TOTAL) }
    }

    /// Reads a file; `None` where there is none.
    ///
    /// # Errors
    /// What cannot be read, is not a file, or is too large to be an engine's.
    pub(crate) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let reading = || format!("read {}", path.display());
        let found = match self.root.find(path) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
            found => found.doing(reading)?,
        };
        // To open a pipe or a device would do something to it: only what is known to be a file is opened.
        if Known::of(&found).doing(reading)?.kind != SFlag::S_IFREG {
            return Err(Error::failed(format!("{}: it is not a file", reading())));
        }
        let file = File::open(format!("/proc/self/fd/{}", found.as_raw_fd())).doing(reading)?;
        let allowed = MAX_FILE.min(self.left.get());
        let mut bytes = Vec::new();
        file.take(allowed + 1).read_to_end(&mut bytes).doing(reading)?;
        match self.left.get().checked_sub(bytes.len() as u64) {
            Some(left) if bytes.len() as u64 <= allowed => self.left.set(left),
            _ => {
                return Err(Error::failed(format!(
                    "{}: it is too large (more than 1 MiB, or 64 MiB in all)",
                    reading()
                )));
            }
        }
        Ok(Some(bytes))
    }

    /// Reads a file of JSON; `None` where there is none.
    ///
    /// # Errors
    /// As [`Files::read`], and what is not the JSON that is expected.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, path: &Path) -> Result<Option<T>> {
        let Some(bytes) = self.read(path)? else { return Ok(None) };
        let parsed = serde_json::from_slice(&bytes);
        let cause = |error: serde_json::Error| brief(&error.to_string());
        parsed
            .map(Some)
            .map_err(|error| Error::failed(format!("{} is not understood: {}", path.display(), cause(error))))
    }

    /// The names in a directory; none where there is no such directory.
    ///
    /// # Errors
    /// What cannot be read, or has too many entries to be an engine's.
    pub(crate) fn names(&self, path: &Path) -> Result<Vec<String>> {
        let reading = || format!("read {}", path.display());
        let directory = match self.root.find(path) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(Vec::new()),
            found => found.doing(reading)?,
        };
        let own_name = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        let mut names = Vec::new();
        for entry in std::fs::read_dir(own_name).doing(reading)? {
            // An engine's own names are plain ASCII.
            names.extend(entry.doing(reading)?.file_name().into_string());
            if names.len() > MAX_ENTRIES {
                return Err(Error::failed(format!("{}: it has more than {MAX_ENTRIES} entries", reading())));
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}
