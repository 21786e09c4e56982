//! The state of a link before its move, on disk, for the run that follows one that was killed.

pub(super) mod directory;
mod lock;
mod plan_lock;
pub(super) mod state_file;

use std::cell::Cell;
use std::fs::{File, remove_file};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::output::report;
use nicon_core::{Context, Error, Result};
use nix::fcntl::OFlag;
use serde_json::Value;

use crate::link::undo::Undo;
use directory::Directory;
use state_file::{MAX_LENGTH, check, refusal};

/// Where the journals of a run are.
pub(crate) struct Journals<'a> {
    /// `None` if there is no place for them. If the run is killed during a move, what it knew is lost.
    directory: Option<Directory>,
    /// Whether the run changes nothing, not even these.
    is_read_only: bool,
    /// Whether the user was told that there is no place for them, or need not be.
    is_told: Cell<bool>,
    lock: lock::Options<'a>,
}

/// The journal of one move, held by one run at a time.
///
/// Only the run that completes the move or takes it back removes it: it stays when this is dropped, unless it was empty when it was
/// opened and nothing has been written since.
pub(crate) struct Journal {
    file: Option<(File, PathBuf)>,
    left_behind: Option<Undo>,
    /// The length of what is written in it, in bytes.
    length: u64,
    /// How much of that is another link's, and stays.
    others: u64,
}

impl<'a> Journals<'a> {
    /// Opens their directory. A journal that another run holds is waited for up to half a minute and `more`.
    ///
    /// # Errors
    /// If the directory could be another user's.
    pub(crate) fn open(program: &'static str, more: Duration, interrupt: &'a Interrupt) -> Result<Self> {
        let patience = lock::PATIENCE.saturating_add(more);
        Ok(Self {
            directory: Directory::make()?,
            is_read_only: false,
            is_told: Cell::new(false),
            lock: lock::Options { program, patience, interrupt },
        })
    }

    /// Those of a run that changes nothing, and so does not wait for any other.
    ///
    /// # Errors
    /// As [`Journals::open`].
    pub(crate) fn read_only(program: &'static str, interrupt: &'a Interrupt) -> Result<Self> {
        Ok(Self {
            directory: Directory::find()?,
            is_read_only: true,
            is_told: Cell::new(true),
            lock: lock::Options { program, patience: Duration::ZERO, interrupt },
        })
    }

    /// Says, once, if there is no place for them.
    pub(crate) fn tell_if_none(&self) {
        if self.directory.is_none() && !self.is_told.replace(true) {
            let why = "no journal can be kept below /run or in XDG_RUNTIME_DIR";
            let what = "if this run is killed during a move, the link's addresses and routes are lost";
            report(self.lock.program, &Error::failed(format!("{why}: {what}")));
        }
    }

    /// Opens the journal of the link with this `tag`, and waits for any other run that holds it.
    ///
    /// # Errors
    /// If it cannot be read or locked, or is not a journal of nicon's.
    pub(crate) fn of(&self, tag: &str) -> Result<Journal> {
        self.locked(tag, &self.lock)
    }

    fn locked(&self, tag: &str, options: &lock::Options<'_>) -> Result<Journal> {
        let Some(directory) = &self.directory else {
            return Ok(Journal::not_kept(None));
        };
        let path = directory.path().join(tag);
        if self.is_read_only {
            let Some(file) = directory.find_file(tag)? else { return Ok(Journal::not_kept(None)) };
            check(&file, &path)?;
            let (left_behind, _) = read(&file, &path)?;
            return Ok(Journal::not_kept(left_behind));
        }
        loop {
            let file = directory.open_file(tag, OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT)?;
            check(&file, &path)?;
            lock::wait(&file, &path, options)?;
            // The run that held it before us removes it when it ends.
            if file.metadata().context(|| format!("stat {}", path.display()))?.nlink() > 0 {
                let (left_behind, length) = read(&file, &path)?;
                return Ok(Journal { file: Some((file, path)), left_behind, length, others: 0 });
            }
        }
    }

    /// Where they are; `None` if there is no place for them.
    pub(crate) fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref()
    }

    /// The names of the journals of links that came from a network namespace under this name: they are the links' tags.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub(crate) fn tags(&self, netns: u64, name: &str) -> Result<Vec<String>> {
        let Some(path) = self.directory.as_ref().map(Directory::path) else { return Ok(Vec::new()) };
        let listed = std::fs::read_dir(path).context(|| format!("read {}", path.display()))?;
        let tags = listed.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        Ok(tags.filter(|tag| crate::link::tag::is_tag_of(tag, netns, name)).collect())
    }
}

impl Journal {
    /// One that is not kept, or only looked at.
    fn not_kept(left_behind: Option<Undo>) -> Self {
        Self { file: None, left_behind, length: 0, others: 0 }
    }

    /// What a run that was killed wrote.
    pub(crate) fn left_behind(&mut self) -> Option<Undo> {
        self.left_behind.take()
    }

    /// Records the link's state before anything is changed. It is written behind earlier ones, and the last whole one counts: a run that
    /// is killed while it writes leaves the one before.
    ///
    /// # Errors
    /// If it cannot be written, such as on a full disk.
    pub(crate) fn begin(&mut self, undo: &Undo) -> Result<()> {
        let Some((file, path)) = &mut self.file else { return Ok(()) };
        let text = serde_json::to_string(undo).expect("plain data") + "\n";
        let length = self.length + text.len() as u64;
        if length > MAX_LENGTH {
            return Err(Error::failed(format!("write {}: the link has too many routes", path.display())));
        }
        let written = file.set_len(self.length).and_then(|()| file.write_all(text.as_bytes()));
        written.context(|| format!("write {}", path.display()))?;
        self.length = length;
        Ok(())
    }

    /// What is written in it so far holds no more: it is restored.
    pub(crate) fn clear(&mut self) {
        self.length = 0;
    }

    /// What is written in it so far is another link's, which may be on its way home: it outlives our move.
    pub(crate) fn leave_others(&mut self) {
        self.others = self.length;
    }

    /// The move is complete, or was taken back.
    pub(crate) fn end(mut self) {
        self.length = self.others;
        if let (Some((file, _)), 1..) = (&self.file, self.length) {
            // If it cannot be cut, a later run finds what this one has written, and that its link has not moved.
            let _ = file.set_len(self.length);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let (Some((_, path)), 0) = (&self.file, self.length) {
            let _ = remove_file(path);
        }
    }
}

/// The last state in a journal, and where it ends. A state that is cut off was still being written: nothing was changed after the one
/// before it.
fn read(file: &File, path: &Path) -> Result<(Option<Undo>, u64)> {
    let mut text = Vec::new();
    file.take(MAX_LENGTH).read_to_end(&mut text).context(|| format!("read {}", path.display()))?;
    let mut values = serde_json::Deserializer::from_slice(&text).into_iter::<Value>();
    let (mut last, mut length) = (None, 0);
    while let Some(value) = values.next() {
        match value {
            Ok(value) => last = Some(value),
            Err(error) if error.is_eof() => break,
            Err(error) => return Err(refusal(path, &error.to_string())),
        }
        length = values.byte_offset() as u64;
    }
    let undo = last.map(|value| Undo::from_value(&value)).transpose();
    Ok((undo.map_err(|error| refusal(path, &error.to_string()))?, length))
}
