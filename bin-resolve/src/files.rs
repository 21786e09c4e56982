//! Reading files below a container's root directory, whose owner may have put anything there.

use std::cell::Cell;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nicon_core::file::Known;
use nicon_core::{Doing, Error, Result};
use nix::errno::Errno;
use nix::sys::stat::SFlag;
use serde::de::DeserializeOwned;

use crate::container::brief;
use crate::root::Directory;

/// The most that is read of one file, and of all files of one engine, in bytes: an engine's file has some 10 KiB.
const MAX_FILE: u64 = 1 << 20;
const MAX_TOTAL: u64 = 64 << 20;

/// The most entries that a directory may have.
const MAX_ENTRIES: usize = 10_000;

/// The files of one engine. To read them may take for ever.
pub(crate) struct Files<'a> {
    root: &'a Directory,
    left: Cell<u64>,
}

impl<'a> Files<'a> {
    /// Files below a root directory.
    pub(crate) fn new(root: &'a Directory) -> Self {
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
    pub(crate) fn json<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>> {
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
