//! nicon-nsfind: tells which processes are in a namespace, and what else keeps one.

mod args;
mod census;
mod denied;
mod holders;
mod kin;
mod known;
mod leader;
mod members;
mod mounts;
mod names;
mod oldest;
mod output;
mod run;
mod scope;
mod search;
#[path = "../types.rs"]
mod types;
mod wanted;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    nicon_core::cli::run(run::PROGRAM, || run::run(&args))
}
