//! nicon-nsfind: finds the processes of a namespace, and what else keeps it alive.

mod ancestry;
mod args;
mod census;
mod containers;
mod denied;
mod descriptions;
mod holders;
mod leader;
mod members;
mod mounts;
mod names;
mod oldest;
mod output;
mod query;
mod run;
mod scope;
mod search;
mod sockets;
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
