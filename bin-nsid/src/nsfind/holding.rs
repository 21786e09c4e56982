//! What else keeps namespaces alive: descriptors, sockets, threads, mounts, and other namespaces.

pub(crate) mod ancestry;
pub(crate) mod holders;
pub(crate) mod in_flight;
pub(crate) mod mounted;
pub(crate) mod mounts;
pub(crate) mod netnsid;
pub(crate) mod search;
pub(crate) mod sockets;
