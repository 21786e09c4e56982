//! Tests of nicon on the machines that people have: systemd, cgroup v2, and the engines as their distribution configures them.
//!
//! `make test-engines` makes the root file system first. One machine serves all tests of a run.

#![allow(clippy::unnecessary_wraps, reason = "all trials have one signature, also those that use no `?`")]

mod apart;
mod broken;
mod docker;
mod expect;
mod live_restore;
mod machine;
mod podman;
mod rootless;
mod tide;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nicon_lab::{bins, isolate, must_run};

use machine::Machine;

/// What the tests of one run share: the machine, or why there is none.
#[derive(Clone)]
struct Suite(Arc<Result<Machine, Missing>>);

enum Missing {
    /// Something that only this machine lacks: it excuses a test.
    Here(String),
    Failed(String),
}

impl Suite {
    /// Starts the machine, which ends with the thread that calls this.
    fn prepare() -> Self {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/debian/engines"));
        if !root.is_dir() {
            return Self::without(Missing::Here("there is no root of a machine (make test-engines)".into()));
        }
        let machine = bins().and_then(|bins| isolate().and_then(|()| Machine::start(&root, &bins)));
        Self(Arc::new(machine.map_err(Missing::Failed)))
    }

    fn without(missing: Missing) -> Self {
        Self(Arc::new(Err(missing)))
    }

    /// A test that needs a machine.
    fn trial<F>(&self, name: &str, test: F) -> Trial
    where
        F: FnOnce(&Machine) -> Result<(), Failed> + Send + 'static,
    {
        let suite = self.clone();
        Trial::ignorable_test(name, move || match &*suite.0 {
            Ok(machine) => test(machine).map(|()| Completion::Completed),
            Err(Missing::Here(missing)) if !must_run() => Ok(Completion::ignored_with(missing.clone())),
            Err(Missing::Here(error) | Missing::Failed(error)) => Err(error.into()),
        })
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let nothing = || Suite::without(Missing::Failed("not prepared".into()));
    let suite = if arguments.list { nothing() } else { Suite::prepare() };
    let trials = [
        docker::trials(&suite),
        live_restore::trials(&suite),
        podman::trials(&suite),
        rootless::trials(&suite),
        tide::trials(&suite),
        broken::trials(&suite),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials.into_iter().flatten().collect());
    // Ends the machine before the verdict.
    drop(suite);
    conclusion.exit_code()
}
