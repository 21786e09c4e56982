//! nicon-linkmv: moves network links between network namespaces.

mod args;
pub(crate) mod asked;
pub(crate) mod change;
pub(crate) mod endpoints;
mod run;

use clap::Parser;
use nicon_core::filter::{cli, interrupt};

use crate::record::program::LINKMV;

/// Runs the program, and gives the status that it ends with.
#[must_use]
pub fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => interrupt::run(LINKMV, |interrupt| run::run(&args, interrupt)),
        Err(error) => cli::usage(LINKMV, error.use_stderr(), &error.to_string()).into(),
    }
}
