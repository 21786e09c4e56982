//! What the tests of one run share.

use libtest_mimic::{Completion, Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, bins, isolate, must_run, requirements, tool, trials};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
};

use crate::support::kernel::Feature;

/// The lab's own program; cargo builds it with this test.
pub(crate) const LAB_PROGRAM: &str = env!("CARGO_BIN_EXE_nicon-lab");

/// The programs under test and the lab, which the first test that needs it raises.
#[derive(Clone)]
pub(crate) struct Suite(Arc<Shared>);

struct Shared {
    /// What this machine lacks.
    missing: Option<String>,
    /// The directory of nicon's programs, or why it could not be prepared.
    bins: Result<PathBuf, String>,
    lab: OnceLock<Result<Lab, String>>,
}

impl Suite {
    /// Builds the programs and isolates this process; to be called before any thread is started.
    pub(crate) fn prepare() -> Self {
        match requirements() {
            // Only what the machine lacks excuses a test; a build that fails does not.
            Ok(()) => Self::new(None, bins().and_then(|bins| isolate().map(|()| bins))),
            Err(missing) => Self::new(Some(missing.clone()), Err(missing)),
        }
    }

    /// Enough to list the tests.
    pub(crate) fn of_nothing() -> Self {
        Self::new(None, Err("not prepared".into()))
    }

    fn new(missing: Option<String>, bins: Result<PathBuf, String>) -> Self {
        Self(Arc::new(Shared { missing, bins, lab: OnceLock::new() }))
    }

    /// A test that needs the lab.
    pub(crate) fn trial<F>(&self, name: &str, test: F) -> Trial
    where
        F: FnOnce(&Suite, &Lab) -> Result<(), Failed> + Send + 'static,
    {
        self.trial_with(&[], name, test)
    }

    /// A test that needs the lab, and what only some kernels have.
    pub(crate) fn trial_with<F>(&self, features: &'static [Feature], name: &str, test: F) -> Trial
    where
        F: FnOnce(&Suite, &Lab) -> Result<(), Failed> + Send + 'static,
    {
        self.trial_of_kernel(features, name, |suite| test(suite, suite.lab()?))
    }

    /// A test that needs no lab, but what only some kernels have.
    pub(crate) fn trial_of_kernel<F>(&self, features: &'static [Feature], name: &str, test: F) -> Trial
    where
        F: FnOnce(&Suite) -> Result<(), Failed> + Send + 'static,
    {
        let suite = self.clone();
        trials::trial(name, move || {
            let excuse = suite.excuse()?.cloned();
            if let Some(missing) = excuse.or_else(|| features.iter().find_map(|feature| feature.missing())) {
                return Ok(Completion::ignored_with(missing));
            }
            test(&suite).map(|()| Completion::Completed)
        })
    }

    /// What excuses all tests, if anything does.
    fn excuse(&self) -> Result<Option<&String>, String> {
        match &self.0.missing {
            Some(missing) if !must_run() => Ok(Some(missing)),
            _ => self.bins().map(|_| None),
        }
    }

    /// The directory of nicon's programs.
    pub(crate) fn bins(&self) -> Result<&Path, String> {
        self.0.bins.as_deref().map_err(Clone::clone)
    }

    /// One of nicon's programs.
    pub(crate) fn command(&self, program: &str) -> Result<Command, String> {
        Ok(nicon_lab::command(self.bins()?, program))
    }

    /// Runs one of nicon's programs, named by the first word, to its end.
    ///
    /// # Panics
    /// Where it cannot be run or does not end, which fails the test.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        self.feed(words, "")
    }

    /// Like [`Suite::run`], with `input` on its standard input.
    pub(crate) fn feed(&self, words: &[&str], input: impl AsRef<[u8]>) -> Ran {
        let mut command = self.command(words[0]).unwrap();
        nicon_lab::output_of_input(command.args(&words[1..]), input, LIMIT).unwrap()
    }

    /// Like [`Suite::feed`], as the user nobody, who may not inspect processes of other users.
    ///
    /// # Panics
    /// As [`Suite::run`].
    pub(crate) fn as_nobody(&self, words: &[&str], input: &str) -> Ran {
        // That user may have no access to the directory of the programs, but an open file can be executed.
        let script =
            "exec 9<\"$1\"; shift; exec setpriv --reuid=65534 --regid=65534 --clear-groups /proc/self/fd/9 \"$@\"";
        let mut shell = tool("sh");
        shell.args(["-c", script, "sh"]).arg(self.bins().unwrap().join(words[0])).args(&words[1..]);
        nicon_lab::output_of_input(&mut shell, input, LIMIT).unwrap()
    }

    /// Runs a line of shell in which nicon's programs are found; it fails where one program of a pipe does.
    ///
    /// # Panics
    /// As [`Suite::run`].
    pub(crate) fn shell(&self, script: &str, input: impl AsRef<[u8]>) -> Ran {
        let path = format!("{}:{}", self.bins().unwrap().display(), nicon_lab::search_path().to_string_lossy());
        let script = format!("set -o pipefail; {script}");
        nicon_lab::output_of_input(tool("bash").args(["-c", &script]).env("PATH", path), input, LIMIT).unwrap()
    }

    /// Like [`Suite::shell`], on a terminal that is so wide; what is written to standard error is seen there, too.
    ///
    /// # Panics
    /// As [`Suite::run`].
    pub(crate) fn at_terminal(&self, columns: usize, line: &str) -> Ran {
        // An input that does not end: script(1) types its end, and under load the terminal may show that.
        let terminal =
            format!("exec 9<> <(:); script -qec \"stty rows 24 cols {columns}; set -o pipefail; $LINE\" /dev/null <&9");
        let ran = self.shell(&format!("export LINE={} SHELL=/bin/bash; {terminal}", quoted(line)), "");
        Ran { stdout: ran.stdout.replace('\r', ""), ..ran }
    }

    fn lab(&self) -> Result<&Lab, String> {
        self.0.lab.get_or_init(|| Lab::start(LAB_PROGRAM)).as_ref().map_err(Clone::clone)
    }
}

/// A word of shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
