//! nicon-linkmv: moves a network link into the network namespace of a process.

mod args;
mod mover;
mod run;
mod undo;
mod undoing;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    nicon_core::cli::run(run::PROGRAM, || run::run(&args))
}
