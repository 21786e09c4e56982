//! nicon-linkmv: moves network links between network namespaces.

mod announce;
mod args;
mod batch;
mod check;
mod dress;
mod ends;
mod find;
mod guard;
mod journal;
mod lost;
mod mark;
mod mover;
mod plan;
mod port;
mod recognise;
mod relocate;
mod resting;
mod run;
mod settle;
mod source;
mod sysctl;
mod undo;
mod undoing;
mod wish;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    nicon_core::cli::run(run::PROGRAM, || run::run(&args))
}
