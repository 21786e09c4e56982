//! nicon-linkmv: moves network links between network namespaces.

mod amend;
mod announce;
mod args;
mod batch;
mod check;
mod dress;
mod ends;
mod find;
mod guard;
mod journal;
mod lacking;
mod lost;
mod mark;
mod mover;
mod plan;
mod port;
mod recognise;
mod relocate;
mod resting;
mod run;
mod settle;
mod source;
mod sysctl;
mod undo;
mod undo_input;
mod undo_pair;
mod undoing;
mod wish;

use clap::Parser;
use nicon_core::filter::cli;

pub(crate) use run::PROGRAM;

/// Runs the program, and gives the status that it ends with.
#[must_use]
pub fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => cli::run(run::PROGRAM, || run::run(&args)),
        Err(error) => cli::usage(run::PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
