//! What the tests of one run share.

use std::sync::Arc;

use libtest_mimic::{Completion, Failed, Trial};
use nicon_lab::machine::{self, Machine};
use nicon_lab::trials::{self, Missing};
use nicon_lab::{bins, isolate};

/// The machine, or why there is none.
#[derive(Clone)]
pub(crate) struct Suite(Arc<Result<Machine, Missing>>);

impl Suite {
    /// Starts the machine, which ends with the thread that calls this.
    pub(crate) fn prepare() -> Self {
        let root = match machine::root() {
            Ok(root) => root,
            Err(missing) => return Self::without(Missing::Here(missing)),
        };
        let machine = bins().and_then(|bins| isolate().and_then(|()| Machine::start(&root, &bins)));
        Self(Arc::new(machine.map_err(Missing::Failed)))
    }

    /// Enough to list the tests.
    pub(crate) fn of_nothing() -> Self {
        Self::without(Missing::Failed("not prepared".into()))
    }

    fn without(missing: Missing) -> Self {
        Self(Arc::new(Err(missing)))
    }

    /// A test that needs a machine.
    pub(crate) fn trial<F>(&self, name: &str, test: F) -> Trial
    where
        F: FnOnce(&Machine) -> Result<(), Failed> + Send + 'static,
    {
        trials::trial_of(&self.0, name, test)
    }
}

/// A test of what Debian 12 lacks: it is skipped there, also where tests must run.
pub(crate) fn since_trixie(trial: Trial, lack: &str) -> Trial {
    if machine::suite() != "bookworm" {
        return trial;
    }
    let lack = format!("Debian 12 has no {lack}");
    Trial::ignorable_test(trial.name().to_owned(), || Ok(Completion::ignored_with(lack)))
}
