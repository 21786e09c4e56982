//! Looks up paths below a container's root directory, where anything may be.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nicon_core::file::{is_on_tmpfs, open_cached};
use nicon_core::{Context, Namespace, Process, Result};
use nix::errno::Errno;

use crate::rootfs::blocking::{self, threads_of_one, threads_of_user};
use crate::rootfs::directory::{Directory, FileId, Lookup, identify, is_absent};
use crate::rootfs::threads::Threads;

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

impl Root {
    /// Opens the root directory of `container`, or our own, for which these threads may wait.
    pub(crate) fn of(container: Option<&Process>, threads: &Arc<Threads>) -> Result<Self> {
        let directory = match container {
            Some(container) => Directory::untrusted(container.root()?),
            None => Directory::ours()?,
        };
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
        Ok(Self::new(Directory::ours_untrusted()?))
    }

    /// Nothing but some directories with untrusted contents, each with the path at which it is seen.
    pub(crate) fn of_parts(parts: Vec<(PathBuf, OwnedFd)>) -> Self {
        Self::new(Directory::of_parts(parts))
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
        if self.directory.is_ours() {
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

    /// The file at `path`, if that is in the kernel's cache and on a tmpfs, which nobody but the kernel serves: to connect to a socket
    /// there does not block. `mntns` is the mount namespace whose root directory this is.
    pub(crate) fn cached_on_tmpfs(&self, path: &Path, mntns: &Namespace) -> Option<OwnedFd> {
        let file = self.directory.look_up(path, open_cached).ok()?;
        is_on_tmpfs(&file, mntns).is_ok_and(|is_tmpfs| is_tmpfs).then_some(file)
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
        if self.directory.is_ours() {
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
