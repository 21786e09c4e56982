//! The programs that lie beside this one.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};

use clap::CommandFactory;
use nicon_core::suggest::nearest;
use nicon_core::{Context, Error, Result, text};

use crate::args::Args;

/// Each of nicon's programs, without `nicon-`.
const PROGRAMS: [&str; 11] =
    ["linkadd", "linkmv", "links", "nsexec", "nsfind", "nsid", "plan", "resolve", "tree", "veth", "wire"];

/// A program that lies beside this one.
///
/// # Errors
/// If this one cannot be found itself.
pub(crate) fn beside(program: &str) -> Result<PathBuf> {
    Ok(own()?.with_file_name(format!("nicon-{program}")))
}

fn own() -> Result<PathBuf> {
    std::env::current_exe().context(|| "find nicon itself")
}

/// Becomes what prints the help of a command, or of nicon itself.
///
/// # Errors
/// If it cannot be executed, or there is no such command.
pub(crate) fn become_help(command: Option<OsString>) -> Error {
    match own() {
        Ok(nicon) => become_program(Command::new(nicon).args(command).arg("--help")),
        Err(error) => error,
    }
}

/// Becomes a program.
///
/// # Errors
/// If it cannot be executed.
pub(crate) fn become_program(command: &mut Command) -> Error {
    let error = command.exec();
    explain(command.get_program(), error)
}

/// Runs a program to its end.
///
/// # Errors
/// If it cannot be executed.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus> {
    command.status().map_err(|error| explain(command.get_program(), error))
}

/// Starts a program.
///
/// # Errors
/// If it cannot be executed.
pub(crate) fn start(command: &mut Command) -> Result<Child> {
    command.spawn().map_err(|error| explain(command.get_program(), error))
}

/// Why a program cannot be executed.
fn explain(program: &OsStr, error: std::io::Error) -> Error {
    let is_missing = error.kind() == std::io::ErrorKind::NotFound;
    let error = Error::os(format!("execute {}", program.display()), error);
    if is_missing { error.suffix(": nicon joins programs that lie beside it") } else { error }
}

/// Becomes the program that the first word names.
///
/// # Errors
/// If there is no such program, or it cannot be executed.
pub(crate) fn become_named(words: &[OsString]) -> Error {
    let Some((name, words)) = words.split_first() else { return Error::invalid("no command") };
    let name = name.to_string_lossy();
    if !PROGRAMS.contains(&&*name) {
        return unknown(&name);
    }
    match beside(&name) {
        Ok(program) => become_program(Command::new(program).args(words)),
        Err(error) => error,
    }
}

fn unknown(name: &str) -> Error {
    let jobs = Args::command();
    let jobs = jobs.get_subcommands().filter(|job| !job.is_hide_set()).map(clap::Command::get_name);
    let similar = nearest(name, PROGRAMS.into_iter().chain(jobs));
    let hint = match &similar[..] {
        [] => "see nicon --help".to_owned(),
        similar => format!("did you mean {}?", similar.join(" or ")),
    };
    Error::invalid(format!("no command \"{}\" ({hint})", text::escape(name)))
}
