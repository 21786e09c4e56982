//! Enters a container: finds it, and becomes nicon-nsexec, so that its terminal, signals and status are the command's.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use nicon_core::link::target;
use nicon_core::path::Start;
use nicon_core::{Context, Result};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::inside::in_network;
use crate::pipe::{Stage, show};
use crate::programs::become_program;

/// The status where the command did not run, as nicon-nsexec has it.
pub(crate) const NOT_ENTERED: u8 = 125;

/// The network namespace of whoever asks for `host`.
const OWN_NETWORK: &str = "/proc/self/ns/net";

/// Runs what `words` for nicon-nsexec say in the container at `path`. Standard input is the command's, or else the record's, as in a
/// pipe. Returns only where the container was not found.
///
/// # Errors
/// If a program cannot be run.
pub(crate) fn enter(path: OsString, words: Vec<OsString>, keeps_input: bool, verbose: bool) -> Result<ExitCode> {
    if let Some(file) = network(&path) {
        let nsexec = Stage::new("nsexec").with(in_network(&path.to_string_lossy(), &file, words)?);
        if verbose {
            show(&nsexec.to_string());
        }
        return Err(become_program(&mut nsexec.command()?));
    }
    // A name may begin as an option does.
    let ends_options = path.as_encoded_bytes().starts_with(b"-").then(|| OsString::from("--"));
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

/// The file of the network namespace that stands in the place of a container. What is wrong with a path, nicon-resolve says.
fn network(path: &OsStr) -> Option<PathBuf> {
    match Start::parse(path.to_str()?).ok()?? {
        Start::Host => Some(OWN_NETWORK.into()),
        Start::Netns(name) => Some(target::path(name)),
        Start::File(file) => Some(file.to_owned()),
        _ => None,
    }
}

/// By which name a program that we become can open this file.
fn inherited(file: &File) -> Result<OsString> {
    fcntl(file, FcntlArg::F_SETFD(FdFlag::empty())).context(|| "hand on a record")?;
    Ok(format!("/proc/self/fd/{}", file.as_raw_fd()).into())
}
