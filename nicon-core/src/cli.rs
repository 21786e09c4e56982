//! What wraps every filter's `main`: the message, printed once, and the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use nix::errno::Errno;

use crate::{Error, Result, Status, text};

/// How a failed write to standard output begins; a reader that left is recognised by it.
pub(crate) const WRITE_STDOUT: &str = "write standard output";

/// Runs a filter and turns its outcome into an exit status.
///
/// A reader that has seen enough (`| head`) ends the run quietly: Rust programs ignore SIGPIPE, so it shows as EPIPE.
pub fn run(program: &str, filter: impl FnOnce() -> Result<Status>) -> ExitCode {
    ExitCode::from(outcome(program, filter) as u8)
}

/// Runs a filter to its end, of which it tells a failure.
pub(crate) fn outcome(program: &str, filter: impl FnOnce() -> Result<Status>) -> Status {
    filter().unwrap_or_else(|error| {
        if error.errno() == Some(Errno::EPIPE) && error.to_string().starts_with(WRITE_STDOUT) {
            return Status::Answered;
        }
        report(program, &error);
        error.status()
    })
}

/// Tells a failure: `nicon-nsid: open /proc/42/ns/net: No such file or directory`.
pub fn report(program: &str, error: &Error) {
    // In one piece, so that the messages of programs in one pipe do not run into each other.
    let line = format!("{program}: {}\n", text::escape(&error.to_string()));
    // Where standard error itself is gone there is nobody left to tell; the exit status still speaks.
    let _ = io::stderr().write_all(line.as_bytes());
}
