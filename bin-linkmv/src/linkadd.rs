//! nicon-linkadd: makes single links, in their places.

pub(crate) mod adding;
mod addition;
mod args;
mod asked;
mod creation;
pub(crate) mod existing;
mod extras;
mod interim;
mod keys;
mod lower;
mod rival;
mod run;

use clap::Parser;
use nicon_core::filter::interrupt;

use crate::record::program::LINKADD;
use crate::undoing::usage::usage;

/// Runs the program, and gives the status that it ends with.
#[must_use]
pub fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => interrupt::run(LINKADD, |interrupt| run::run(&args, interrupt)),
        Err(error) => usage(LINKADD, &error).into(),
    }
}
