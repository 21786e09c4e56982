//! nicon-resolve: see the library.

use clap::Parser;
use nicon_resolve::{Args, PROGRAM, run};

fn main() -> std::process::ExitCode {
    let args = Args::parse();
    nicon_core::apart::run(PROGRAM, || run(args))
}
