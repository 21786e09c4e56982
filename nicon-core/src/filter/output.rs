//! Standard output, which carries answers alone, and standard error, which carries the rest.

use std::io::{self, Write};

use crate::{Error, Result, text};

/// Writes to standard output and flushes, so that the next program of the pipe has it at once.
///
/// # Errors
/// [`ErrorKind::OutputClosed`](crate::ErrorKind::OutputClosed) where its reader has left;
/// [`ErrorKind::System`](crate::ErrorKind::System) where it fails otherwise.
pub fn write_out(text: impl AsRef<[u8]>) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()).map_err(Error::output)
}

/// What a run ends with when its reader has left, where that is noticed before anything is written: as POLLERR of standard output,
/// see `poll(2)`.
#[must_use]
pub fn reader_has_left() -> Error {
    Error::output(io::ErrorKind::BrokenPipe.into())
}

/// Prints a failure to standard error: `nicon-nsid: open /proc/42/ns/net: No such file or directory`.
pub fn report(program: &str, error: &Error) {
    print_message(program, &text::escape(&error.to_string()));
}

/// Prints a message that is safe to print already.
pub(super) fn print_message(program: &str, message: &str) {
    // One write, so that messages of several programs in a pipe do not interleave.
    let line = format!("{program}: {message}\n");
    // If standard error cannot be written, the exit status still reports the failure.
    let _ = io::stderr().write_all(line.as_bytes());
}
