//! How a link was before its move, on disk, for the run that follows one that was killed.

use std::fs::{DirBuilder, File, OpenOptions, remove_file};
use std::io::{ErrorKind, Read, Result as IoResult, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nicon_core::{Context, Result};

use crate::linkmv::undo::Undo;

/// Where the journals are; like all namespaces, it does not outlive the boot.
const DIRECTORY: &str = "/run/nicon";

/// The journal of one move, which only one run can have at a time. It is removed when it is dropped, unless it was begun.
pub(crate) struct Journal {
    /// `None` if we may not write there: what a killed run knew is then lost.
    file: Option<(File, PathBuf)>,
    left_behind: Option<Undo>,
    begun: bool,
}

impl Journal {
    /// Opens the journal of the link that has this `mark`, and waits for any other run that is about to move it.
    ///
    /// # Errors
    /// If it cannot be read or locked.
    pub(crate) fn open(mark: &str) -> Result<Self> {
        let path = Path::new(DIRECTORY).join(mark);
        let opened = match lock(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => None,
            opened => Some(opened.context(|| format!("open {}", path.display()))?),
        };
        let Some((file, text)) = opened else { return Ok(Self { file: None, left_behind: None, begun: false }) };
        // One that was cut off was being written: the link had not been touched yet.
        let left_behind = serde_json::from_str(&text).ok().and_then(|value| Undo::from_value(&value).ok());
        Ok(Self { file: Some((file, path)), left_behind, begun: false })
    }

    /// What a run that was killed has written.
    pub(crate) fn left_behind(&mut self) -> Option<Undo> {
        self.left_behind.take()
    }

    /// Writes down how the link is, before anything is done to it.
    ///
    /// # Errors
    /// If it cannot be written, such as on a full disk.
    pub(crate) fn begin(&mut self, undo: &Undo) -> Result<()> {
        let Some((file, path)) = &mut self.file else { return Ok(()) };
        let text = serde_json::to_string(undo).expect("plain data");
        let written = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
        written.context(|| format!("write {}", path.display()))?;
        self.begun = true;
        Ok(())
    }

    /// The link is where it was to go, or back.
    pub(crate) fn end(mut self) {
        self.begun = false;
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let (Some((_, path)), false) = (&self.file, self.begun) {
            // One that stays is not taken for anything: no link has its mark.
            let _ = remove_file(path);
        }
    }
}

fn lock(path: &Path) -> IoResult<(File, String)> {
    match DirBuilder::new().mode(0o700).create(DIRECTORY) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    loop {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        file.lock()?;
        // The run that held it before removes it at its end.
        if file.metadata()?.nlink() > 0 {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            return Ok((file, text));
        }
    }
}
