//! Enters a container: finds it, and becomes nicon-nsexec, so that its terminal, signals and status are the command's.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use nicon_core::link::target;
use nicon_core::path::Start;
use nicon_core::text::escape;
use nicon_core::{Context, Error, Result};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::pipe::programs::become_program;
use crate::pipe::stage::{Stage, quoted, resolve, show};
use crate::words::inside::in_network;
use crate::words::table::Table;

/// The status where the command did not run, as nicon-nsexec has it.
pub(crate) const NOT_ENTERED: u8 = 125;

/// The network namespace of whoever asks for `host`.
const OWN_NETWORK: &str = "/proc/self/ns/net";

/// Options of nicon-nsexec with which there may be more than one record.
const OF_SEVERAL: [&str; 2] = ["--each", "--stdin"];

/// Runs what `words` for nicon-nsexec say in the container at `path`. Standard input is the command's, or else the record's, as in a
/// pipe. Returns only where the container was not found.
///
/// # Errors
/// If a program cannot be run, or the path is a pattern of several containers and one is wanted.
pub(crate) fn enter(path: OsString, words: Vec<OsString>, keeps_input: bool, verbose: bool) -> Result<ExitCode> {
    if let Some(file) = network(&path) {
        let nsexec = Stage::new("nsexec").with(in_network(&path.to_string_lossy(), &file, words)?);
        if verbose {
            show(&nsexec.to_string());
        }
        return Err(become_program(&mut nsexec.command()?));
    }
    let pattern = quoted(&path);
    let resolve = resolve(None, vec![path]);
    let is_for_several =
        Table::of_program("nsexec").given(&words).iter().any(|given| OF_SEVERAL.contains(&given.option));
    let nsexec = Stage::new("nsexec").with(words);
    if verbose {
        let words = nsexec.words();
        show(&if keeps_input {
            format!("nicon-nsexec --record <({resolve}){words}")
        } else {
            format!("{resolve} | nicon-nsexec{words}")
        });
    }
    let (status, mut records) = resolve.output(Stdio::null())?;
    if !status.success() {
        return Ok(NOT_ENTERED.into());
    }
    if !is_for_several {
        check_only(&mut records, &pattern)?;
    }
    if !keeps_input {
        return Err(become_program(nsexec.command()?.stdin(records)));
    }
    let mut command =
        Stage::new("nsexec").with(["--record".into(), inherited(&records)?]).with(nsexec.arguments).command()?;
    Err(become_program(&mut command))
}

/// Makes sure that there are no two records.
fn check_only(records: &mut File, pattern: &str) -> Result<()> {
    let count = BufReader::new(&mut *records).lines().map_while(std::io::Result::ok).count();
    records.rewind().context(|| "read records")?;
    if count < 2 {
        return Ok(());
    }
    let pattern = escape(pattern);
    let way_out = format!("nicon exec {pattern} --each --prefix .. runs a command in each");
    Err(Error::failed(format!("{pattern} matches {count} containers: {way_out}")))
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
