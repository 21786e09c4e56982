//! The rights that something needs: named if the kernel refuses it without them.

use std::fmt::Display;

use nicon_core::rights::to_look;
use nicon_core::{Doing, Result};
use nix::errno::Errno;

/// Names what was being done when a system call failed, and `rights` if permission was denied.
pub(crate) fn taking<T, W: Display>(rights: &str, done: nix::Result<T>, what: impl FnOnce() -> W) -> Result<T> {
    saying(|| format!("it takes {rights}"), done, what)
}

/// The same for inspecting the target, or what belongs to it.
pub(crate) fn looking<T, W: Display>(done: nix::Result<T>, what: impl FnOnce() -> W) -> Result<T> {
    saying(|| to_look("it has"), done, what)
}

fn saying<T, W: Display>(takes: impl FnOnce() -> String, done: nix::Result<T>, what: impl FnOnce() -> W) -> Result<T> {
    match done {
        Err(Errno::EPERM | Errno::EACCES) => done.doing(|| format!("{} ({})", what(), takes())),
        done => done.doing(what),
    }
}
