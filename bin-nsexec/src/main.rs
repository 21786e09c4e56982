//! nicon-nsexec: runs a command in chosen namespaces of a process.
#![cfg_attr(not(test), no_main)]
#![cfg_attr(test, allow(dead_code, reason = "a test program begins in a main of its own"))]

mod args;
mod attached;
mod capability;
mod cgroup;
mod cgroup_text;
mod command;
mod credentials;
mod directories;
mod each;
mod early;
mod entry;
mod failure;
mod file_owners;
mod identity;
mod image;
mod inherited;
mod join;
mod keyring;
mod last_step;
mod lsm;
mod privileges;
mod resources;
mod run;
mod seccomp;
mod seccomp_verdict;
mod self_protection;
mod session_leader;
mod signals;
mod start;
mod supervise;
mod sys;
mod target;
mod terminal;
mod variable;

use clap::Parser;
use nicon_core::Status;
use nicon_core::filter::cli;

/// What `main` does; see [`early`] for why it is not called so.
fn begin() -> u8 {
    if let Err(error) = self_protection::refuse_borrowed_rights() {
        return failure::fail(&error);
    }
    match args::Args::try_parse_from(attached::arguments()) {
        Ok(args) => run::run(&args),
        Err(error) => match cli::usage(failure::PROGRAM, error.use_stderr(), &error.to_string()) {
            Status::Answered => 0,
            _ => failure::FAILED,
        },
    }
}
