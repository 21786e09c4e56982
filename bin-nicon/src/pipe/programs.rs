//! The programs that lie beside this one.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};

use nicon_core::{Context, Error, Result};

/// A program that lies beside this one.
///
/// # Errors
/// If this one cannot be found itself.
pub(crate) fn beside(program: &str) -> Result<PathBuf> {
    Ok(own()?.with_file_name(format!("nicon-{program}")))
}

/// This program itself.
///
/// # Errors
/// If it cannot be found.
pub(crate) fn own() -> Result<PathBuf> {
    std::env::current_exe().context(|| "find nicon itself")
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
