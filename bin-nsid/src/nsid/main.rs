//! nicon-nsid: prints the namespaces of a process.

mod args;
mod operand;
mod output;
mod run;
mod tree;
#[path = "../types.rs"]
mod types;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    nicon_core::cli::run(run::PROGRAM, || run::run(&args))
}
