//! What becomes of a deed that is undone.

use nicon_core::{Error, Result};

use crate::link::missing::lack;

/// What became of a deed that is undone.
#[derive(Clone)]
pub(crate) struct Undone {
    /// False if it had been undone before.
    pub(crate) changed: bool,
    /// Where the link is now; `None` if it is no more.
    pub(crate) now: Option<Location>,
    /// What it had before and could not be given again, in words.
    pub(crate) missing: Vec<String>,
}

impl Undone {
    /// Makes sure that nothing is missing.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn check(&self) -> Result<()> {
        let name = self.now.as_ref().map_or("it", |now| &now.name);
        lack(name, &self.missing).map_or(Ok(()), |lack| Err(Error::failed(lack)))
    }
}

/// A link, and where it is.
#[derive(Clone)]
pub(crate) struct Location {
    /// Inode number of its network namespace.
    pub(crate) netns: u64,
    pub(crate) name: String,
    pub(crate) ifindex: u32,
}
