//! nicon-resolve: see the library.

use clap::Parser;
use nicon_core::filter::{cli, worker_process};
use nicon_resolve::{Args, PROGRAM, run};

fn main() -> std::process::ExitCode {
    match Args::try_parse() {
        Ok(args) => worker_process::run(PROGRAM, || run(args)),
        Err(error) => cli::usage(PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
