//! Tests of nicon on the machines that people have: systemd, cgroup v2, and the engines as their distribution configures them.
//!
//! `make test-engines` makes the root file system first, of the suite of Debian's that `NICON_ENGINES` names. One machine serves
//! all tests of a run.

#![allow(clippy::unnecessary_wraps, reason = "all trials have one signature, also those that use no `?`")]

mod apart;
mod broken;
mod containerd;
mod docker;
mod docker_daemons;
mod docker_tools;
mod elsewhere;
mod expect;
mod found;
mod found_inside;
mod leftovers;
mod live_restore;
mod nested;
mod nodes;
mod podman;
mod podman_elsewhere;
mod podman_modes;
mod pods;
mod rootless;
mod runtimes;
mod tide;
mod unshared;
mod users;
mod whole;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nicon_lab::machine::{self, Machine};
use nicon_lab::{bins, isolate, must_run};

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
        let root = match machine::root() {
            Ok(root) => root,
            Err(missing) => return Self::without(Missing::Here(missing)),
        };
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

/// A test of what Debian 12 lacks: it is skipped there, also where tests must run.
fn since_trixie(trial: Trial, lack: &str) -> Trial {
    if machine::suite() != "bookworm" {
        return trial;
    }
    let lack = format!("Debian 12 has no {lack}");
    Trial::ignorable_test(trial.name().to_owned(), || Ok(Completion::ignored_with(lack)))
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let nothing = || Suite::without(Missing::Failed("not prepared".into()));
    let suite = if arguments.list { nothing() } else { Suite::prepare() };
    let trials = [
        broken::trials(&suite),
        containerd::trials(&suite),
        docker::trials(&suite),
        docker_daemons::trials(&suite),
        docker_tools::trials(&suite),
        elsewhere::trials(&suite),
        found::trials(&suite),
        found_inside::trials(&suite),
        leftovers::trials(&suite),
        live_restore::trials(&suite),
        nested::trials(&suite),
        nodes::trials(&suite),
        podman::trials(&suite),
        podman_elsewhere::trials(&suite),
        podman_modes::trials(&suite),
        pods::trials(&suite),
        rootless::trials(&suite),
        runtimes::trials(&suite),
        tide::trials(&suite),
        unshared::trials(&suite),
        whole::trials(&suite),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials.into_iter().flatten().collect());
    // Ends the machine before the verdict.
    drop(suite);
    conclusion.exit_code()
}
