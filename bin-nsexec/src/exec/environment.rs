//! The environment of the command.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nicon_core::file::read_at_most;
use nicon_core::{Context, Error, Process, Result};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::operand::variable::Variable;
use crate::privileges::looking;
use crate::{sys, view};

/// The `PATH` of a cleared environment.
const CLEAR_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The most that an environment may have, in bytes: three quarters of 8 MiB; see `execve(2)` on the limits of arguments.
const MAX_LENGTH: u64 = 6 << 20;

/// What an environment begins with.
pub(crate) enum Start<'a> {
    /// Nothing but TERM and PATH.
    Clear,
    /// The caller's.
    Callers,
    /// That of this process.
    Of(&'a Process),
}

/// An environment that tells the name of the target, and with `has_view` where its files are. `set` comes last, and wins.
pub(crate) fn environment(
    start: &Start<'_>,
    target: Option<&str>,
    has_view: bool,
    set: &[Variable],
) -> Result<Vec<OsString>> {
    let mut environment: Vec<OsString> = match start {
        Start::Of(process) => {
            let bytes = environment_of(process)?;
            let strings = bytes.split(|byte| *byte == 0).filter(|string| !string.is_empty());
            strings.map(|string| OsString::from_vec(string.to_vec())).collect()
        }
        Start::Callers => {
            sys::environment().into_iter().map(|string| OsString::from_vec(string.into_bytes())).collect()
        }
        Start::Clear => {
            let term = env::var_os("TERM").map(|term| OsString::from_vec([b"TERM=", term.as_bytes()].concat()));
            term.into_iter().chain([format!("PATH={CLEAR_PATH}").into()]).collect()
        }
    };
    if let Some(target) = target {
        Variable::new("NICON_TARGET", target).put(&mut environment);
        if has_view {
            Variable::new("NICON_ROOT", view::ROOT).put(&mut environment);
        }
    }
    for variable in set {
        variable.put(&mut environment);
    }
    Ok(environment)
}

/// Reads /proc/PID/environ. The kernel skips memory that is backed by a file (`FOLL_ANON`, Linux 4.17), so that a container's
/// file system cannot block us; but a process may claim any part of its memory to be its environment.
fn environment_of(process: &Process) -> Result<Vec<u8>> {
    let path = format!("/proc/{}/environ", process.pid());
    let opened = openat(process.dir(), "environ", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    let file = File::from(looking(opened, || format!("open {path}"))?);
    let bytes = read_at_most(file, MAX_LENGTH).context(|| format!("read {path}"))?;
    bytes.ok_or_else(|| Error::failed(format!("read {path}: longer than the {MAX_LENGTH} bytes that an exec takes")))
}
