//! nicon-resolve: see the library.

mod cli;

use clap::Parser;
use cli::args::Args;
use cli::run::{PROGRAM, run};
use nicon_core::apart;

fn main() -> std::process::ExitCode {
    match Args::try_parse() {
        Ok(args) => apart::run(PROGRAM, || run(&args)),
        Err(error) => nicon_core::cli::usage(PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
