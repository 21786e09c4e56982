//! Enters a container: finds it, and becomes nicon-nsexec, so that its terminal, signals and status are the command's.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::{ExitCode, Stdio};

use nicon_core::{Context, Result};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::pipe::{Stage, show};
use crate::programs::become_program;

/// The status where the command did not run, as nicon-nsexec has it.
pub(crate) const NOT_ENTERED: u8 = 125;

/// Runs what `words` for nicon-nsexec say in the container at `path`. Standard input is the command's, or else the record's, as in a
/// pipe. Returns only where the container was not found.
///
/// # Errors
/// If a program cannot be run.
pub(crate) fn enter(path: String, words: Vec<OsString>, keeps_input: bool, verbose: bool) -> Result<ExitCode> {
    // A name may begin as an option does.
    let ends_options = path.starts_with('-').then(|| "--".to_owned());
    let resolve = Stage::new("resolve").with(ends_options).with([path]);
    let nsexec = Stage::new("nsexec").with(words);
    if verbose {
        let words = nsexec.words();
        show(&if keeps_input {
            format!("nicon-nsexec --record <({resolve}){words}")
        } else {
            format!("{resolve} | nicon-nsexec{words}")
        });
    }
    let (status, records) = resolve.output(Stdio::null())?;
    if !status.success() {
        return Ok(NOT_ENTERED.into());
    }
    if !keeps_input {
        return Err(become_program(nsexec.command()?.stdin(records)));
    }
    let mut command =
        Stage::new("nsexec").with(["--record".into(), inherited(&records)?]).with(nsexec.arguments).command()?;
    Err(become_program(&mut command))
}

/// By which name a program that we become can open this file.
fn inherited(file: &File) -> Result<OsString> {
    fcntl(file, FcntlArg::F_SETFD(FdFlag::empty())).context(|| "hand on a record")?;
    Ok(format!("/proc/self/fd/{}", file.as_raw_fd()).into())
}
