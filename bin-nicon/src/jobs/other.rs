//! What is none of nicon's own jobs: one of the programs that lie beside it, or the help.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::Command;

use nicon_core::suggest::nearest;
use nicon_core::{Error, text};

use crate::pipe::programs::{become_program, beside, own};
use crate::words::table::{Table, programs};

/// Becomes what prints the help of a command, or of nicon itself.
///
/// # Errors
/// If it cannot be executed, or there is no such command.
pub(super) fn become_help(command: Option<OsString>) -> Error {
    match own() {
        Ok(nicon) => become_program(Command::new(nicon).args(command).arg("--help")),
        Err(error) => error,
    }
}

/// Becomes the program that the first word names, with or without `nicon-`.
///
/// # Errors
/// If there is no such program, or it cannot be executed.
pub(super) fn become_named(words: &[OsString]) -> Error {
    let Some((word, words)) = words.split_first() else { return Error::invalid("no command") };
    let word = word.to_string_lossy();
    let name = word.strip_prefix("nicon-").unwrap_or(&word);
    if !programs().any(|(program, _)| program == name) {
        return unknown(&word);
    }
    match beside(name) {
        Ok(program) => become_program(Command::new(program).args(words)),
        Err(error) => error,
    }
}

fn unknown(word: &str) -> Error {
    let jobs = Table::of("nicon").unwrap_or_default().jobs.into_iter();
    let commands: BTreeSet<_> = programs().chain(jobs).map(|(command, _)| command).collect();
    let hint = match &nearest(word, commands)[..] {
        [] => "see nicon --help".to_owned(),
        similar => format!("did you mean {}?", similar.join(" or ")),
    };
    Error::invalid(format!("no command \"{}\" ({hint})", text::escape(word)))
}
