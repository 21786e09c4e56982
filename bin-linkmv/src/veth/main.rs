//! nicon-veth: wires two network namespaces with a veth pair.

mod args;
mod end;
mod pair;
mod run;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    nicon_core::cli::run(run::PROGRAM, || run::run(&args))
}
