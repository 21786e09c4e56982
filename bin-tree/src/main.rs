//! nicon-tree: draws a nest of containers.

mod args;
mod block;
mod compare;
mod dot;
mod link;
mod nest;
mod procs;
mod run;
mod screen;
mod svg;
mod text;

use clap::Parser;
use nicon_core::filter::cli;

fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => cli::run(run::PROGRAM, || run::run(&args)),
        Err(error) => cli::usage(run::PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
