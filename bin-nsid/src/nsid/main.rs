//! nicon-nsid: prints the namespaces of a process.

mod args;
mod operand;
mod output;
#[path = "../relations.rs"]
mod relations;
mod run;
mod tree;
#[path = "../types.rs"]
mod types;

use clap::Parser;
use nicon_core::filter::cli;

fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => cli::run(run::PROGRAM, || run::run(&args)),
        Err(error) => cli::usage(run::PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
