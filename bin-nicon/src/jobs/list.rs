//! Lists containers and their links, and draws them.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use nicon_core::{Result, Status};

use crate::jobs::other::become_named;
use crate::pipe::programs::become_program;
use crate::pipe::run::{keep, run};
use crate::pipe::stage::{Stage, resolve, show};
use crate::words::dockers;
use crate::words::operand::apart;
use crate::words::table::Table;

/// Becomes nicon-resolve, which lists all containers unless some are named.
///
/// # Errors
/// If it cannot be executed, or an option is one of docker's.
pub(super) fn containers(words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    dockers::refuse_in_ls(&words)?;
    let all = (!names_containers(&words)).then(|| OsString::from("**"));
    let list = Stage::new("resolve").with(words).with(all);
    if verbose {
        show(&list.to_string());
    }
    Err(become_program(&mut list.command()?))
}

/// Whether words for nicon-resolve say which containers are meant, besides options and what these take.
fn names_containers(words: &[OsString]) -> bool {
    let options = Table::of_program("resolve").options_in(words);
    options < words.len() || words.iter().any(|word| word.as_encoded_bytes().starts_with(b"--of"))
}

/// Lists the links of some containers; without a path, becomes nicon-links.
///
/// # Errors
/// If a program cannot be executed.
pub(super) fn links(words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    of_containers("links", words, verbose)
}

/// Draws some containers, with `--links` those of nicon-links, too; without a path, becomes nicon-tree.
///
/// # Errors
/// If a program cannot be executed.
pub(super) fn tree(words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    of_containers("tree", words, verbose)
}

/// Runs a program on some containers. With `--watch`, all of them watch.
fn of_containers(program: &'static str, mut words: Vec<OsString>, verbose: bool) -> Result<ExitCode> {
    let table = Table::of_program(program);
    let (paths, options) = apart(&table, &words);
    if paths.is_empty() {
        words.insert(0, program.into());
        return Err(become_named(&words));
    }
    let watch = table.gives(&options, "--watch").then_some(OsStr::new("--watch"));
    let mut before = vec![resolve(watch, paths)];
    if program == "tree" && table.gives(&options, "--links") {
        before.push(Stage::new("links").with(watch));
    }
    // What was not found was not looked at, so that nobody knows whether it has what is asked for.
    let failed = if table.gives(&options, "--having") { Status::Failed } else { Status::No };
    let last = Stage::new(program).with(options);
    if watch.is_some() { keep(&before, &last, verbose) } else { run(&before, &last, failed, verbose) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::inside::tests::split;

    #[test]
    fn all_are_listed_unless_some_are_named() {
        for all in ["--pid", "--timeout 5 -J", "--label x=y", "--engine=docker", "-o table", "-ojson"] {
            assert!(!names_containers(&split(all)), "{all}");
        }
        for some in ["a.b", "--timeout 5 a", "--of pid:1", "--of=pid:1", "-J -"] {
            assert!(names_containers(&split(some)), "{some}");
        }
    }
}
