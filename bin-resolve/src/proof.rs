//! What proves that a process is the container's of which an engine tells.

pub(crate) mod cgroup;
pub(crate) mod claim;
pub(crate) mod membership;
pub(crate) mod standing;
pub(crate) mod verify;
