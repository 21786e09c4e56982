//! nicon-plan: turns a lab's wiring in YAML into records for nicon-resolve and the programs for links.

mod args;
mod containerlab;
mod fault;
#[doc(hidden)]
pub mod fuzz;
mod machines;
mod name;
mod names;
mod own;
mod plan;
mod read;
mod run;
mod source;
mod targets;
mod wanted;
mod watch;
mod yaml;

use clap::Parser;
use nicon_core::filter::cli;

/// Reads the command line, and runs the program.
#[must_use]
pub fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => cli::run(run::PROGRAM, || run::run(&args)),
        Err(error) => cli::usage(run::PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
