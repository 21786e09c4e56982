//! Engines that are read from their files: a file for each kind, and a line in `table`.

pub(crate) mod conmon;
pub(crate) mod disk;
pub(crate) mod dockerd;
pub(crate) mod fuzz;
pub(crate) mod index;
pub(crate) mod leads;
pub(crate) mod monitors;
pub(crate) mod podman;
pub(crate) mod store;
pub(crate) mod table;

mod containerd;
mod crun;
mod docker;
mod first_process;
mod incus;
mod lxc;
pub(crate) mod lxc_listeners;
mod lxc_sockets;
mod machine;
mod monitored;
mod runc;
mod runtime;
mod storage;
