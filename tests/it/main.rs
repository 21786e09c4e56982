//! Integration tests of nicon against the real kernel and a real nest of daemons.
//!
//! One lab serves all tests of a run. A test that has no lab here is reported as ignored, with the reason; with
//! `NICON_MUST_RUN=1` it fails. What only some kernels have, `NICON_MUST_HAVE` demands by its name. `NICON_ONLY`, a list of
//! words, takes the tests that begin with one of them.

// A trial that is written but not listed is dead code.
#![deny(dead_code)]
#![allow(clippy::unnecessary_wraps, reason = "all trials have one signature, also those that use no `?`")]

mod filters;
mod hostile;
mod lab;
mod links;
mod namespaces;
mod nsexec;
mod resolve;
mod source;
mod support;
mod wire;

use libtest_mimic::Arguments;
use std::process::ExitCode;
use support::suite::Suite;

fn main() -> ExitCode {
    if let Ok(names) = std::env::var(lab::verdict::BODY) {
        return lab::verdict::body(&names);
    }
    match std::env::args().nth(1).as_deref() {
        Some(lab::PANIC) => return lab::panic_with_a_lab(),
        Some(namespaces::ended_main_thread::BODY) => return namespaces::ended_main_thread::run(),
        _ => {}
    }
    let arguments = Arguments::from_args();
    let suite = if arguments.list { Suite::of_nothing() } else { Suite::prepare() };
    let mut trials = Vec::new();
    trials.extend(lab::trials(&suite));
    trials.extend(resolve::trials(&suite));
    trials.extend(hostile::trials(&suite));
    trials.extend(namespaces::trials(&suite));
    trials.extend(nsexec::trials(&suite));
    trials.extend(links::trials(&suite));
    trials.extend(wire::trials(&suite));
    trials.extend(filters::trials(&suite));
    trials.extend(source::trials(&suite));
    // One word is libtest-mimic's to filter by; groups of tests are chosen here.
    let only = std::env::var("NICON_ONLY").unwrap_or_default();
    let only: Vec<&str> = only.split_whitespace().collect();
    trials.retain(|trial| only.is_empty() || only.iter().any(|group| trial.name().starts_with(group)));
    nicon_lab::trials::verdict(&arguments, trials, suite)
}
