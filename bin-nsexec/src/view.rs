//! `--view`: the caller's programs and files, with the container's in some places, in a mount namespace for the command alone.
//!
//! ```text
//! plan ── what is mounted where, as data: made before the first namespace is joined, with all that is read of the container
//! mounting ── carries it out in a new mount namespace, after the joins
//! ```
//!
//! /proc of a PID namespace is mounted by the last step, since a process has to be in it for that.

mod containers_file;
mod memory_files;
mod mounting;
mod name_service;
mod plan;
mod visit;

pub(crate) use plan::{Network, ROOT, View};
