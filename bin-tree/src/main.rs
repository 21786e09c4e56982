//! nicon-tree: draws a nest of containers.

mod args;
mod block;
mod compare;
mod current;
mod dot;
mod html;
mod layout;
mod link;
mod machine;
mod nest;
mod picture;
mod places;
mod procs;
mod run;
mod scene;
mod screen;
mod svg;
mod terminal;
mod text;
mod tunnels;
mod watch;

use clap::Parser;
use nicon_core::filter::{cli, interrupt};

fn main() -> std::process::ExitCode {
    match args::Args::try_parse() {
        // A signal ends it once the terminal is as it was.
        Ok(args) if args.watch => interrupt::run(run::PROGRAM, |interrupt| watch::watch(&args, interrupt)),
        Ok(args) => cli::run(run::PROGRAM, || run::run(&args)),
        Err(error) => cli::usage(run::PROGRAM, error.use_stderr(), &error.to_string()).into(),
    }
}
