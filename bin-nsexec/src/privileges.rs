//! The privileges that something needs: named if the kernel refuses it without them.

use std::fmt::Display;

use nicon_core::privileges::ptrace_hint;
use nicon_core::{Context, Result};
use nix::errno::Errno;

/// Names what was being done when a system call failed, and `privileges` if permission was denied.
pub(crate) fn taking<T, W: Display>(privileges: &str, done: nix::Result<T>, what: impl FnOnce() -> W) -> Result<T> {
    saying(|| format!("it takes {privileges}"), done, what)
}

/// The same for inspecting the target, or what belongs to it.
pub(crate) fn looking<T, W: Display>(done: nix::Result<T>, what: impl FnOnce() -> W) -> Result<T> {
    saying(|| ptrace_hint("it has"), done, what)
}

fn saying<T, W: Display>(takes: impl FnOnce() -> String, done: nix::Result<T>, what: impl FnOnce() -> W) -> Result<T> {
    match done {
        Err(Errno::EPERM | Errno::EACCES) => done.context(|| format!("{} ({})", what(), takes())),
        done => done.context(what),
    }
}
