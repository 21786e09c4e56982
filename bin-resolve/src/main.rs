//! nicon-resolve: container names in, the processes that they mean out.

mod args;
mod container;
mod daemon;
mod engine;
mod hop;
mod locate;
mod name;
mod output;
mod plan;
mod run;
mod socket;
mod walk;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    nicon_core::cli::run(run::PROGRAM, || run::run(args))
}
