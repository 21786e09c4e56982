//! nicon-nsfind: finds the processes of a namespace, and what else keeps it alive.

mod ancestry;
mod args;
mod census;
mod denied;
mod descriptions;
mod holders;
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
