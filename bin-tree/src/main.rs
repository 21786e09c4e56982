//! nicon-tree: draws a nest of containers.

mod args;
mod block;
mod dot;
mod link;
mod nest;
mod procs;
mod run;
mod screen;
mod svg;
mod text;
mod view;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    nicon_core::cli::run(run::PROGRAM, || run::run(&args))
}
