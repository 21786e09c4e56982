//! What each filter's `main` calls: prints the error, once, and determines the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use nix::errno::Errno;

use crate::{Error, Result, Status, stream, text};

/// How the message of a failed write to standard output begins. Together with EPIPE it means that the reader has left.
pub(crate) const WRITE_STDOUT: &str = "write standard output";

/// Runs a filter and turns its result into an exit status.
///
/// If the reader of standard output leaves (`| head`), the run ends without a message. Rust programs ignore SIGPIPE, so
/// this shows as EPIPE.
pub fn run(program: &str, filter: impl FnOnce() -> Result<Status>) -> ExitCode {
    outcome(program, filter).into()
}

/// Runs a filter, reports its failure, and returns its status.
pub(crate) fn outcome(program: &str, filter: impl FnOnce() -> Result<Status>) -> Status {
    filter().unwrap_or_else(|error| {
        if error.errno() == Some(Errno::EPIPE) && error.to_string().starts_with(WRITE_STDOUT) {
            return Status::Answered;
        }
        report(program, &error);
        error.status()
    })
}

/// Prints clap's text: help and version to standard output, an error to standard error. The error begins with the program's
/// name, so that in a pipe it is clear which program failed.
pub fn usage(program: &str, is_error: bool, text: &str) -> Status {
    if is_error {
        let message = text.strip_prefix("error: ").unwrap_or(text);
        let lines = message.lines().filter(|line| !line.is_empty()).map(text::escape);
        print_message(program, &lines.collect::<Vec<_>>().join("\n"));
        return Status::Failed;
    }
    outcome(program, || stream::write_out(text).map(|()| Status::Answered))
}

/// Prints a failure to standard error: `nicon-nsid: open /proc/42/ns/net: No such file or directory`.
pub fn report(program: &str, error: &Error) {
    print_message(program, &text::escape(&error.to_string()));
}

fn print_message(program: &str, message: &str) {
    // One write, so that messages of several programs in a pipe do not interleave.
    let line = format!("{program}: {message}\n");
    // If standard error cannot be written, the exit status still reports the failure.
    let _ = io::stderr().write_all(line.as_bytes());
}
