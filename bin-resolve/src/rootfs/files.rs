//! Reads files below a container's root directory, where anything may be.

use std::cell::Cell;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nicon_core::file::FileInfo;
use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use serde::de::DeserializeOwned;

use crate::brief::brief;
use crate::rootfs::directory::Directory;

/// The most that is read of one file, of one that tells of all containers, and of all files of one engine, in bytes. A file usually has
/// some 10 KiB, and Podman's list 1 KiB for each container, whether it runs or not.
const MAX_FILE: u64 = 1 << 20;
const MAX_LIST: u64 = 16 << 20;
const MAX_TOTAL: u64 = 64 << 20;

/// What a usual file needs, in bytes: to grow from nothing takes ten reads of one.
const USUAL_FILE: usize = 16 << 10;

/// The most entries that a directory may have, and all directories of one engine: links may lead to the same one by any number of names.
const MAX_ENTRIES: usize = 10_000;
const MAX_ENTRIES_IN_ALL: usize = 100_000;

/// The files of one engine. Reading them may block forever.
pub(crate) struct Files<'a> {
    root: &'a Directory,
    left: Cell<u64>,
    entries_left: Cell<usize>,
}

impl<'a> Files<'a> {
    /// Files below a root directory.
    pub(crate) fn new(root: &'a Directory) -> Self {
        Self { root, left: Cell::new(MAX_TOTAL), entries_left: Cell::new(MAX_ENTRIES_IN_ALL) }
    }

    /// Whether there is a file, of any type.
    ///
    /// # Errors
    /// If it cannot be looked up.
    pub(crate) fn has(&self, path: &Path) -> Result<bool> {
        match self.root.find(path) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(false),
            found => found.context(|| format!("read {}", path.display())).map(|_| true),
        }
    }

    /// Reads a file; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, is not a regular file, or is too large to be an engine's.
    pub(crate) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        self.read_at_most(path, MAX_FILE)
    }

    fn read_at_most(&self, path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
        let reading = || format!("read {}", path.display());
        let file = match self.root.open_regular(path) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
            file => file.context(reading)?,
        };
        let file = file.ok_or_else(|| Error::failed(format!("{}: it is not a regular file", reading())))?;
        let allowed = most.min(self.left.get());
        let mut bytes = Vec::with_capacity(USUAL_FILE);
        file.take(allowed + 1).read_to_end(&mut bytes).context(reading)?;
        match self.left.get().checked_sub(bytes.len() as u64) {
            Some(left) if bytes.len() as u64 <= allowed => self.left.set(left),
            _ => {
                return Err(Error::failed(format!(
                    "{}: it is too large (more than {} MiB, or 64 MiB in all)",
                    reading(),
                    most >> 20
                )));
            }
        }
        Ok(Some(bytes))
    }

    /// Reads a JSON file; `None` if there is none.
    ///
    /// # Errors
    /// As [`Files::read`], and if it is not the expected JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>> {
        self.json_of(path, MAX_FILE)
    }

    /// The same of a file that tells of all containers of an engine.
    ///
    /// # Errors
    /// As [`Files::json`].
    pub(crate) fn json_list<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<Vec<T>>> {
        self.json_of(path, MAX_LIST)
    }

    fn json_of<T: DeserializeOwned>(&self, path: &Path, most: u64) -> Result<Option<T>> {
        let Some(bytes) = self.read_at_most(path, most)? else { return Ok(None) };
        let parsed = serde_json::from_slice(&bytes);
        let cause = |error: serde_json::Error| brief(&error.to_string());
        parsed
            .map(Some)
            .map_err(|error| Error::failed(format!("{} is not understood: {}", path.display(), cause(error))))
    }

    /// The names in a directory; none if it does not exist, or is something else.
    ///
    /// # Errors
    /// If it cannot be read, or has too many entries to be an engine's.
    pub(crate) fn names(&self, path: &Path) -> Result<Vec<String>> {
        let reading = || format!("read {}", path.display());
        let directory = match self.root.find(path) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(Vec::new()),
            found => found.context(reading)?,
        };
        let known = FileInfo::of(&directory).context(reading)?;
        if !known.is_dir() {
            return Ok(Vec::new());
        }
        let own_name = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        let (mut names, before) = (Vec::new(), self.entries_left.get());
        let allowed = MAX_ENTRIES.min(before);
        for (number, entry) in std::fs::read_dir(own_name).context(reading)?.enumerate() {
            if number == allowed {
                return Err(Error::failed(format!(
                    "{}: it has more than {MAX_ENTRIES} entries (or all have more than {MAX_ENTRIES_IN_ALL})",
                    reading()
                )));
            }
            self.entries_left.set(before - number - 1);
            // Engines use plain ASCII; other names are not theirs.
            names.extend(entry.context(reading)?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }
}
