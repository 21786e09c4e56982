//! What wraps every filter's `main`: the message, printed once, and the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use nix::errno::Errno;

use crate::{Error, Result, Status, stream, text};

/// How a failed write to standard output begins; a reader that left is recognised by it.
pub(crate) const WRITE_STDOUT: &str = "write standard output";

/// Runs a filter and turns its outcome into an exit status.
///
/// A reader that has seen enough (`| head`) ends the run quietly: Rust programs ignore SIGPIPE, so it shows as EPIPE.
pub fn run(program: &str, filter: impl FnOnce() -> Result<Status>) -> ExitCode {
    outcome(program, filter).into()
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

/// Prints what clap says of a command line: help and version to standard output, a mistake to standard error under the
/// program's name, so that in a pipe it is clear which program speaks.
pub fn usage(program: &str, is_mistake: bool, text: &str) -> Status {
    if is_mistake {
        let message = text.strip_prefix("error: ").unwrap_or(text);
        let lines = message.lines().filter(|line| !line.is_empty()).map(text::escape);
        say(program, &lines.collect::<Vec<_>>().join("\n"));
        return Status::Failed;
    }
    outcome(program, || stream::write_out(text).map(|()| Status::Answered))
}

/// Reports a failure: `nicon-nsid: open /proc/42/ns/net: No such file or directory`.
pub fn report(program: &str, error: &Error) {
    say(program, &text::escape(&error.to_string()));
}

fn say(program: &str, message: &str) {
    // One write, so that the messages of the programs in a pipe do not run into each other.
    let line = format!("{program}: {message}\n");
    // If standard error itself is gone, the exit status still speaks.
    let _ = io::stderr().write_all(line.as_bytes());
}
