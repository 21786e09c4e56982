//! nicon-links: the links of network namespaces, and which of them are wired to which.

mod args;
mod output;
mod run;
mod tell;
mod view;
mod watch;
mod wiring;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    nicon_core::cli::run(output::PROGRAM, || run::run(&args))
}
