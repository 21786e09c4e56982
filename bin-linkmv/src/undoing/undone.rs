//! What becomes of a deed that is undone.

/// What became of a deed that is undone.
#[derive(Clone)]
pub(crate) struct Undone {
    /// False if it had been undone before.
    pub(crate) changed: bool,
    /// Where the link is now; `None` if it is no more.
    pub(crate) now: Option<Location>,
}

/// A link, and where it is.
#[derive(Clone)]
pub(crate) struct Location {
    /// Inode number of its network namespace.
    pub(crate) netns: u64,
    pub(crate) name: String,
    pub(crate) ifindex: u32,
}
