//! nicon-nsfind: finds the processes of a namespace, and what else keeps it alive.

mod ancestry;
mod args;
mod bound;
mod census;
mod denied;
mod descriptions;
mod holders;
mod in_flight;
mod inside;
mod leader;
mod list;
mod members;
mod mounted;
mod mounts;
mod names;
mod netnsid;
mod oldest;
mod output;
mod owner;
mod query;
#[path = "../relations.rs"]
mod relations;
mod replies;
mod run;
mod scope;
mod search;
mod sockets;
mod tree;
#[path = "../types.rs"]
mod types;
mod visible;

use clap::Parser;
use nicon_core::filter::cli;

fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => cli::run(replies::PROGRAM, || run::run(&args)),
        Err(error) => cli::usage(replies::PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
