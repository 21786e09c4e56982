//! nicon: one command in front of nicon's filters.

mod args;
mod complete;
mod jobs;
mod pipe;
mod words;

use clap::Parser;
use nicon_core::filter::cli;

fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => jobs::run(args),
        Err(error) => cli::usage(jobs::PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
