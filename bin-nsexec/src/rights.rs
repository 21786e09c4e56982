//! What the command may: no more than the container's own process.

pub(crate) mod accounts;
pub(crate) mod capability;
pub(crate) mod credentials;
pub(crate) mod identity;
pub(crate) mod inherited;
pub(crate) mod keyring;
pub(crate) mod lsm;
pub(crate) mod resources;
pub(crate) mod seccomp;
pub(crate) mod seccomp_verdict;
