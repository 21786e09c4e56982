//! Everyday jobs, each of them a pipe.

mod enter;
mod lab;
mod list;
mod other;

use std::process::ExitCode;

use nicon_core::Result;
use nicon_core::filter::output::report;

use crate::args::{Args, Job};
use crate::complete;
use crate::pipe::enter::NOT_ENTERED;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon";

/// Does a job. Most of them become the last program of their pipe, whose status and signals are then ours.
pub(crate) fn run(args: Args) -> ExitCode {
    let is_entering = matches!(args.job, Job::Exec { .. } | Job::Ip { .. } | Job::Capture { .. });
    perform(args).unwrap_or_else(|error| {
        report(PROGRAM, &error);
        if is_entering { NOT_ENTERED.into() } else { error.status().into() }
    })
}

fn perform(Args { verbose, job }: Args) -> Result<ExitCode> {
    match job {
        Job::Exec { words } => enter::exec(words, verbose),
        Job::Ip { words } => enter::ip(words, verbose),
        Job::Capture { words } => enter::capture(words, verbose),
        Job::Ls { words } => list::containers(words, verbose),
        Job::Links { words } => list::links(words, verbose),
        Job::Tree { words } => list::tree(words, verbose),
        Job::Wire { watch, plan, words } => lab::wire(watch, plan, words, verbose),
        Job::Check { plan, words } => lab::check(plan, words, verbose),
        Job::Destroy { words } => lab::destroy(words, verbose),
        Job::Help { command } => Err(other::become_help(command)),
        Job::Complete { line } => complete::run(&line).map(|()| ExitCode::SUCCESS),
        Job::Program(words) => Err(other::become_named(&words)),
    }
}
