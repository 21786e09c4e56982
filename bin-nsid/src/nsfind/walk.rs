//! Walks over all processes: which are in a namespace, which of these is the oldest, and which may not be inspected.

pub(crate) mod census;
pub(crate) mod denied;
pub(crate) mod oldest;
pub(crate) mod scope;
