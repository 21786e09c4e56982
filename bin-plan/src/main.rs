//! nicon-plan: turns a lab's wiring in YAML into records for nicon-resolve and nicon-linkmv.

mod args;
mod document;
mod keys;
mod plan;
mod run;
mod scalar;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    nicon_core::cli::run(run::PROGRAM, || run::run(&args))
}
