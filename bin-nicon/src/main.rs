//! nicon: one command in front of nicon's filters.

mod args;
mod complete;
mod jobs;
mod pipe;
mod words;

use std::io::Write;

use clap::Parser;
use clap::error::ErrorKind;
use nicon_core::Status;
use nicon_core::filter::cli;

fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        Ok(args) => jobs::run(args),
        // Nothing is wrong: whoever types the name alone wants to know what there is.
        Err(help) if help.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = write!(std::io::stderr(), "{help}");
            Status::Failed.into()
        }
        Err(error) => cli::usage(jobs::PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
