//! Runs programs in a container, or in its network.

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;

use nicon_core::{Error, Result};

use crate::pipe::enter::enter;
use crate::words::table::{Table, is_option};
use crate::words::{dockers, inside, operand};

/// Runs a command in a container, or a shell.
///
/// # Errors
/// As [`enter`], or if an option is one of docker's.
pub(super) fn exec(words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    dockers::refuse_before_container(&words)?;
    let (path, words) = operand::EXEC.split(words)?;
    dockers::refuse_in_exec(&path.to_string_lossy(), &words)?;
    // Run for several, a command has no input of its own.
    let is_for_each = Table::of_program("nsexec").gives(&words, "--each");
    enter(path, inside::complete(words), !is_for_each && !stdin().is_terminal(), verbose)
}

/// Runs the host's ip in a container's network.
///
/// # Errors
/// As [`enter`].
pub(super) fn ip(words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    let (path, words) = operand::IP.split(words)?;
    enter(path, with_host_program("ip", words), false, verbose)
}

/// Captures what a container sends and receives, by the host's tcpdump.
///
/// # Errors
/// As [`enter`], or if the packets would go to a terminal.
pub(super) fn capture(words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    let (path, mut words) = operand::CAPTURE.split(words)?;
    let filter = words.iter().position(|word| word == "--").map(|at| words.split_off(at)).unwrap_or_default();
    let link = match &words[..] {
        [] => OsStr::new("any"),
        [link] if !is_option(&link.to_string_lossy()) => link,
        [..] => {
            return Err(Error::invalid(
                "capture: what tcpdump takes stands behind the link and --: nicon capture PATH LINK -- FILTER",
            ));
        }
    };
    if stdout().is_terminal() {
        return Err(Error::invalid(
            "capture: the packets are for a program or a file: nicon capture .. | wireshark -k -i -",
        ));
    }
    let options = ["-U", "-w", "-", "-i"].map(OsString::from);
    let words = options.into_iter().chain([link.to_owned()]).chain(filter.into_iter().skip(1)).collect();
    enter(path, with_host_program("tcpdump", words), false, verbose)
}

/// The words for nicon-nsexec: a program of the host's, in the container's network.
fn with_host_program(program: &str, words: Vec<OsString>) -> Vec<OsString> {
    ["--net", program].map(OsString::from).into_iter().chain(words).collect()
}
