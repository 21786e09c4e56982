//! What a run of tests comes to: one that fails beside others and passes alone is told, and one that fails twice fails the run.

use crate::support::suite::Suite;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nicon_lab::{LIMIT, Ran, output_within, trials};
use std::process::{Command, ExitCode};

/// The variable that makes this program run a few tests of its own; its value are their names.
pub(crate) const BODY: &str = "NICON_TEST_OF_VERDICT";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial_of_kernel(&[], "lab::a_second_try_is_told_and_forgives_no_fault", tells_of_a_second_try)]
}

fn tells_of_a_second_try(_: &Suite) -> Result<(), Failed> {
    // Fails once: told, and forgiven where that is allowed.
    let ran = run("1", &["well", "once"])?;
    assert_eq!(ran.code(), Some(0), "{ran:?}");
    assert!(ran.stdout.ends_with("test once failed beside others, and passed alone\n"), "{ran:?}");
    let ran = run("0", &["well", "once"])?;
    assert_eq!(ran.code(), Some(101), "{ran:?}");
    assert!(!ran.stdout.contains("alone"), "{ran:?}");
    // Fails whenever it runs, by an error or by a panic.
    let ran = run("2", &["once", "always"])?;
    assert_eq!(ran.code(), Some(101), "{ran:?}");
    assert!(ran.stdout.contains("\ntest always failed beside others, and failed alone\n"), "{ran:?}");
    assert!(ran.stdout.contains("\ntest once failed beside others, and passed alone\n"), "{ran:?}");
    assert!(ran.stderr.contains("always: on purpose"), "{ran:?}");
    // More of them than are forgiven.
    let ran = run("1", &["once", "panics-once"])?;
    assert_eq!(ran.code(), Some(101), "{ran:?}");
    assert!(!ran.stdout.contains("alone"), "{ran:?}");
    let ran = run("2", &["once", "panics-once"])?;
    assert_eq!(ran.code(), Some(0), "{ran:?}");
    Ok(())
}

/// Runs tests of these names, of which as many as `again` says may have a second try.
fn run(again: &str, names: &[&str]) -> Result<Ran, Failed> {
    let mut body = Command::new(std::env::current_exe()?);
    body.env(BODY, names.join(" ")).env("NICON_AGAIN", again).args(["--color=never", "--test-threads=1"]);
    Ok(output_within(&mut body, LIMIT)?)
}

/// The body of the process that runs them.
pub(crate) fn body(names: &str) -> ExitCode {
    let is_alone = std::env::var_os("NICON_AGAIN").is_none();
    let tests = names.split(' ').map(|name| {
        let what = name.to_owned();
        trials::trial(name, move || match what.as_str() {
            "once" if !is_alone => Err("on purpose".into()),
            "always" => Err("on purpose".into()),
            "panics-once" => {
                assert!(is_alone, "on purpose");
                Ok(Completion::Completed)
            }
            _ => Ok(Completion::Completed),
        })
    });
    trials::verdict(&Arguments::from_args(), tests.collect(), ())
}
