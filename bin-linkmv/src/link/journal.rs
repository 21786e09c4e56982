//! The state of a link before its move, on disk, for the run that follows one that was killed.

use std::fs::{DirBuilder, File, OpenOptions, remove_file};
use std::io::{ErrorKind, Read, Result as IoResult, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nicon_core::{Context, Result};

use crate::link::undo::Undo;

/// Where the journals are. Like network namespaces, it does not survive a reboot.
const DIRECTORY: &str = "/run/nicon";

/// The journal of one move, held by one run at a time. It is removed on drop, unless a move is in progress.
pub(crate) struct Journal {
    /// `None` if we may not write there. If the run is killed, what it knew is lost.
    file: Option<(File, PathBuf)>,
    left_behind: Option<Undo>,
    begun: bool,
}

impl Journal {
    /// Opens the journal of the link with this `tag`, and waits for any other run that holds it.
    ///
    /// # Errors
    /// If it cannot be read or locked.
    pub(crate) fn open(tag: &str) -> Result<Self> {
        let path = Path::new(DIRECTORY).join(tag);
        let opened = match lock(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => None,
            opened => Some(opened.context(|| format!("open {}", path.display()))?),
        };
        let Some((file, text)) = opened else { return Ok(Self { file: None, left_behind: None, begun: false }) };
        // A truncated journal was still being written, so the link had not been touched yet.
        let left_behind = serde_json::from_str(&text).ok().and_then(|value| Undo::from_value(&value).ok());
        Ok(Self { file: Some((file, path)), left_behind, begun: false })
    }

    /// What a run that was killed wrote.
    pub(crate) fn left_behind(&mut self) -> Option<Undo> {
        self.left_behind.take()
    }

    /// Records the link's state before anything is changed.
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

    /// The move is complete, or was taken back.
    pub(crate) fn end(mut self) {
        self.begun = false;
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let (Some((_, path)), false) = (&self.file, self.begun) {
            // A journal that stays behind does no harm: no link has its tag.
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
        // The run that held it before us removes it when it ends.
        if file.metadata()?.nlink() > 0 {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            return Ok((file, text));
        }
    }
}
