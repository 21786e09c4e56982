//! nicon-linkmv: moves network links between network namespaces.

mod args;
pub(crate) mod asked;
pub(crate) mod change;
pub(crate) mod endpoints;
mod run;

use clap::Parser;
use nicon_core::filter::interrupt;

use crate::record::program::LINKMV;
use crate::undoing::usage::usage;

/// Runs the program, and gives the status that it ends with.
#[must_use]
pub fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => interrupt::run(LINKMV, |interrupt| run::run(&args, interrupt)),
        Err(error) => usage(LINKMV, &error).into(),
    }
}
