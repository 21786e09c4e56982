//! A container's files, read safely: whatever is there, no path leads out of it, and nothing blocks us forever.

pub(crate) mod blocking;
pub(crate) mod changes;
pub(crate) mod directory;
pub(crate) mod files;
pub(crate) mod ready;
pub(crate) mod root;
pub(crate) mod spots;
pub(crate) mod threads;
