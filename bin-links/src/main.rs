//! nicon-links: the links of network namespaces, and which of them are wired to which.

mod all;
mod args;
mod conditions;
mod having;
mod input;
mod listening;
mod listing;
mod listings;
mod matching;
mod names;
mod numbers;
mod output;
mod own_link;
mod record;
mod run;
mod watch;
mod wiring;

use clap::Parser;
use nicon_core::filter::cli;

fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => cli::run(output::PROGRAM, || run::run(&args)),
        Err(error) => cli::usage(output::PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
