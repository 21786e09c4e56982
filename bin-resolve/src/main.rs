//! nicon-resolve: container names in, the processes that they mean out.

mod answer;
mod args;
mod container;
mod daemon;
mod disk;
mod engine;
mod entered;
mod files;
mod hop;
mod kind;
mod listing;
mod locate;
mod matches;
mod missing;
mod name;
mod output;
mod pattern;
mod plan;
mod reach;
mod roster;
mod run;
mod search;
mod socket;
mod walk;
mod wire;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    nicon_core::cli::run(run::PROGRAM, || run::run(args))
}
