//! How the program's messages begin.

use nicon_core::text;

/// The program's name.
pub(crate) const PROGRAM: &str = "nicon-resolve";

/// Reports a step on standard error.
pub(crate) fn log(name: &str, step: &str) {
    eprintln!("{PROGRAM}: {name}: {}", text::escape(step));
}
