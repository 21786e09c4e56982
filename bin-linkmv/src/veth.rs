//! nicon-veth: wires two network namespaces with a veth pair.

mod args;
mod end;
mod pair;
mod run;
pub(crate) mod wiring;

use clap::Parser;
use nicon_core::filter::interrupt;

use crate::record::program::VETH;
use crate::undoing::usage::usage;

/// Runs the program, and gives the status that it ends with.
#[must_use]
pub fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => interrupt::run(VETH, |interrupt| run::run(&args, interrupt)),
        Err(error) => usage(VETH, &error).into(),
    }
}
