//! The tests of a run: what they need, and what they come to.

use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, mem};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::must_run;

/// Why there is not what a test needs.
pub enum Missing {
    /// Something that only this machine lacks: it excuses a test, where none must run.
    Here(String),
    /// It could not be made, which excuses nothing.
    Failed(String),
}

/// The tests that failed.
static FAILED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A test whose failure is told at once, where libtest-mimic does so at the end of all.
pub fn trial<F>(name: &str, test: F) -> Trial
where
    F: FnOnce() -> Result<Completion, Failed> + Send + 'static,
{
    let name_of = name.to_owned();
    Trial::ignorable_test(name, move || {
        let mut running = Running { name: name_of, is_well: false };
        let result = test();
        match &result {
            Ok(_) => running.is_well = true,
            Err(failed) => eprintln!("{}: {}", running.name, failed.message().unwrap_or("failed")),
        }
        result
    })
}

/// A test of something that all tests of a run share.
pub fn trial_of<T, F>(shared: &Arc<Result<T, Missing>>, name: &str, test: F) -> Trial
where
    T: Send + Sync + 'static,
    F: FnOnce(&T) -> Result<(), Failed> + Send + 'static,
{
    let shared = Arc::clone(shared);
    trial(name, move || match &*shared {
        Ok(shared) => test(shared).map(|()| Completion::Completed),
        Err(Missing::Here(missing)) if !must_run() => Ok(Completion::ignored_with(missing.clone())),
        Err(Missing::Here(error) | Missing::Failed(error)) => Err(error.into()),
    })
}

/// A test between its beginning and its end, which may be a panic.
struct Running {
    name: String,
    is_well: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_well {
            FAILED.lock().unwrap_or_else(PoisonError::into_inner).push(mem::take(&mut self.name));
        }
    }
}

/// Runs the tests, ends what they share, and tells what they come to.
///
/// As many of them as `NICON_AGAIN` says may fail beside others: each of those runs once more, alone and with all that it needs made anew, and the
/// last lines name it: it is still a fault, of the test or of nicon, that is to be looked for. Where more fail, none runs again.
pub fn verdict<S>(arguments: &Arguments, trials: Vec<Trial>, shared: S) -> ExitCode {
    let conclusion = libtest_mimic::run(arguments, trials);
    // Whoever waits for this process finds nothing left.
    drop(shared);
    let failed = mem::take(&mut *FAILED.lock().unwrap_or_else(PoisonError::into_inner));
    let may_fail: u64 = env::var("NICON_AGAIN").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    // A test that is not ours to run again is in the one count only.
    if failed.len() as u64 != conclusion.num_failed || !(1..=may_fail).contains(&conclusion.num_failed) {
        return conclusion.exit_code();
    }
    let again: Vec<bool> = failed.iter().map(|name| passes_alone(name)).collect();
    println!();
    for (name, passes) in failed.iter().zip(&again) {
        println!("test {name} failed beside others, and {} alone", if *passes { "passed" } else { "failed" });
    }
    if again.contains(&false) { conclusion.exit_code() } else { ExitCode::SUCCESS }
}

/// Runs one test in a process of its own.
fn passes_alone(name: &str) -> bool {
    println!("\nonce more, alone: {name}");
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", name]).env_remove("NICON_AGAIN").env_remove("NICON_ONLY").stderr(Stdio::inherit());
    let Ok(ran) = command.output() else { return false };
    let said = String::from_utf8_lossy(&ran.stdout);
    print!("{said}");
    // Not one that was skipped, and no other.
    ran.status.success() && said.contains("1 passed; 0 failed")
}
