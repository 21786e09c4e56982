//! Faults of command lines, among which is the habit of naming a file to --undo.

use clap::error::{ContextValue, ErrorKind};
use nicon_core::filter::cli;
use nicon_core::filter::output::report;
use nicon_core::text::escape;
use nicon_core::{Error, Status};

/// Prints what clap says of a program's command line, and determines the exit status.
pub(crate) fn usage(program: &str, error: &clap::Error) -> Status {
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let Some(file) = undone_by_name(error, &words).filter(|_| error.use_stderr()) else {
        return cli::usage(program, error.use_stderr(), &error.to_string());
    };
    let way_out = format!("{program} --undo <{}", escape(&file));
    let error = Error::invalid(format!("--undo reads what an earlier run printed from standard input: {way_out}"));
    report(program, &error);
    error.status()
}

/// The file that is named to --undo, which takes no operand: clap would show a usage with one.
fn undone_by_name(error: &clap::Error, words: &[String]) -> Option<String> {
    let at = words.iter().position(|word| word == "--undo")?;
    let next = words.get(at + 1).filter(|word| !word.starts_with('-')).cloned();
    let is_operand = |value: &ContextValue| matches!(value, ContextValue::String(name) if name.starts_with(['[', '<']));
    let conflicts = error.kind() == ErrorKind::ArgumentConflict && error.context().any(|(_, value)| is_operand(value));
    next.or_else(|| conflicts.then(|| "FILE".to_owned()))
}
