//! nicon-nsfind: finds the processes of a namespace, and what else keeps it alive.

mod answer;
mod holding;
mod question;
#[path = "../relations.rs"]
mod relations;
mod run;
#[path = "../types.rs"]
mod types;
mod walk;

use clap::Parser;
use nicon_core::filter::cli;

use crate::answer::replies::PROGRAM;
use crate::question::args::Args;

fn main() -> std::process::ExitCode {
    match Args::try_parse() {
        Ok(args) => cli::run(PROGRAM, || run::run(&args)),
        Err(error) => cli::usage(PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
