//! nicon-wire: wires a whole plan, compares it with what is there, and takes it away again.

mod actors;
mod apply;
mod args;
mod check;
mod context;
mod destroy;
mod in_the_way;
mod input;
mod keep;
mod left;
mod marked;
mod order;
mod read;
mod removal;
mod run;
mod surplus;
mod unit;
mod usable;
mod wanted;

use clap::Parser;
use nicon_core::filter::{cli, interrupt};

use crate::record::program::WIRE;

/// Runs the program, and gives the status that it ends with.
#[must_use]
pub fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => interrupt::run(WIRE, |interrupt| run::run(&args, interrupt)),
        Err(error) => cli::usage(WIRE, error.use_stderr(), &error.to_string()).into(),
    }
}
