//! Completes a command line of any of nicon's programs, for the scripts of bash, zsh and fish in docs/completions: says what fits, of
//! what is there now. Nothing is started for it, and whoever does not answer in time is left out.

mod answer;
mod containers;
mod line;
mod links;
mod spot;
mod values;

use nicon_core::Result;
use nicon_core::filter::output::write_out;

/// Prints what fits at the end of a line, which ends at the cursor. The first line says what that is: `words`, each on a line, with a tab
/// and what it is; or `files`, `directories` or `commands`, which shells complete themselves.
///
/// # Errors
/// If it cannot be printed.
pub(crate) fn run(line: &str) -> Result<()> {
    let words = line::split(line);
    let answer = spot::find(&words).map(|spot| values::of(&spot)).unwrap_or_default();
    write_out(answer.to_string())
}
