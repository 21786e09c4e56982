//! nicon-plan: turns a lab's wiring in YAML into records for nicon-resolve and nicon-linkmv.

mod args;
mod document;
mod keys;
mod plan;
mod run;
mod scalar;

use clap::Parser;
use nicon_core::filter::cli;

fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => cli::run(run::PROGRAM, || run::run(&args)),
        Err(error) => cli::usage(run::PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
