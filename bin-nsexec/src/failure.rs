//! A failure of our own: how it is reported, and the exit status that follows.

use nicon_core::Error;
use nicon_core::filter::output;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-nsexec";

/// The exit status for a failure of our own.
pub(crate) const FAILED: u8 = 125;

/// Reports it, and returns the exit status.
pub(crate) fn fail(error: &Error) -> u8 {
    output::report(PROGRAM, error);
    FAILED
}
