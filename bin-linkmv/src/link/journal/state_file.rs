//! The files in the directory of journals: only what we have written ourselves is believed.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nicon_core::{Context, Error, Result};
use nix::unistd::geteuid;

/// The longest one, in bytes: a journal of a million routes is half as long.
pub(in crate::link) const MAX_LENGTH: u64 = 256 << 20;

/// Makes sure that a file can only have been written by us.
///
/// # Errors
/// Why it may not have been.
pub(in crate::link) fn check(file: &File, path: &Path) -> Result<()> {
    let found = file.metadata().context(|| format!("stat {}", path.display()))?;
    let why = if !found.is_file() {
        "it is not a file"
    } else if found.uid() != geteuid().as_raw() {
        "it belongs to another user"
    } else if found.mode() & 0o022 != 0 {
        "others may write to it"
    } else if found.nlink() > 1 {
        "it has another name as well"
    } else if found.len() > MAX_LENGTH {
        "it is too long"
    } else {
        return Ok(());
    };
    Err(refusal(path, why))
}

/// The error that a file is not what nicon writes.
pub(in crate::link) fn refusal(path: &Path, why: &str) -> Error {
    Error::failed(format!("{} is no journal of nicon's: {why} (look at it, and remove it)", path.display()))
}
