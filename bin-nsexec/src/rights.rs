//! What it takes: said where the kernel refuses something for want of it.

use std::fmt::Display;

use nicon_core::{Doing, Result};
use nix::errno::Errno;

/// What looking at a process takes, and what belongs to it.
pub(crate) const TO_LOOK: &str = "CAP_SYS_PTRACE and all capabilities that it has";

/// Names what was being done when a system call failed; and `rights`, where it was refused.
pub(crate) fn taking<T, W: Display>(rights: &str, done: nix::Result<T>, what: impl FnOnce() -> W) -> Result<T> {
    match done {
        Err(Errno::EPERM | Errno::EACCES) => done.doing(|| format!("{} (it takes {rights})", what())),
        done => done.doing(what),
    }
}
