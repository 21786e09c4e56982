//! nicon-resolve: see the library.

mod cli;

use clap::Parser;
use cli::args::Args;
use cli::program::PROGRAM;
use cli::run::run;
use nicon_core::filter::{self, worker_process};

fn main() -> std::process::ExitCode {
    match Args::try_parse() {
        Ok(args) => worker_process::run(PROGRAM, || run(&args)),
        Err(error) => filter::cli::usage(PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
