//! What each filter's `main` calls: prints the error, once, and determines the exit status.

use std::process::ExitCode;

use super::output::{print_message, report, write_out};
use crate::{ErrorKind, Result, Status, text};

/// Runs a filter and turns its result into an exit status.
///
/// If the reader of standard output leaves (`| head`), the run ends without a message. Rust programs ignore SIGPIPE, so
/// this shows as EPIPE.
pub fn run(program: &str, filter: impl FnOnce() -> Result<Status>) -> ExitCode {
    outcome(program, filter).into()
}

/// Runs a filter, reports its failure, and returns its status.
pub(super) fn outcome(program: &str, filter: impl FnOnce() -> Result<Status>) -> Status {
    filter().unwrap_or_else(|error| {
        if error.kind() != ErrorKind::OutputClosed {
            report(program, &error);
        }
        error.status()
    })
}

/// Prints clap's text: help and version to standard output, an error to standard error. The error begins with the program's
/// name, so that in a pipe it is clear which program failed.
pub fn usage(program: &str, is_error: bool, text: &str) -> Status {
    if is_error {
        let message = text.strip_prefix("error: ").unwrap_or(text);
        let lines = message.lines().filter(|line| !line.is_empty() && !is_about_dashes(line)).map(text::escape);
        print_message(program, &lines.collect::<Vec<_>>().join("\n"));
        return Status::Failed;
    }
    outcome(program, || write_out(text).map(|()| Status::Answered))
}

/// Whether it is clap's tip to put a word that begins with a minus behind `--`. Where there are operands it gives that for each unknown
/// option, but operands are containers, links and commands: what is called like an option is hardly ever meant.
fn is_about_dashes(line: &str) -> bool {
    line.trim_start().starts_with("tip: to pass '")
}
