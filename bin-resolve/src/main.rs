//! nicon-resolve: container names in, the processes that they mean out.

mod answer;
mod args;
mod container;
mod daemon;
mod engine;
mod entered;
mod hop;
mod listing;
mod locate;
mod matches;
mod name;
mod output;
mod pattern;
mod plan;
mod reach;
mod run;
mod socket;
mod walk;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    nicon_core::cli::run(run::PROGRAM, || run::run(args))
}
