//! `--each`: the command once for each record.

use nicon_core::filter::output::report;
use nicon_core::{Error, Result};
use nix::sys::signal::Signal;

use crate::cli::args::Args;
use crate::entry::Entry;
use crate::failure::{FAILED, PROGRAM, fail};
use crate::prefixed::Prefixed;
use crate::target::{Records, Target};
use crate::watch::{Ended, supervise};

/// The status of a command that was ended by this signal, as a shell tells it.
const SIGPIPE: u8 = 128 + Signal::SIGPIPE as u8;

/// Runs the command for each record in turn; returns the highest exit status. A signal that asks to end prevents further runs.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let mut worst = 0;
    for target in Records::new(args)? {
        match target.and_then(|target| run_for(args, &target)) {
            Ok(Ended { status, is_interrupted }) => {
                worst = worst.max(status);
                if is_interrupted {
                    break;
                }
            }
            Err(error) => worst = worst.max(fail(&error)),
        }
    }
    Ok(worst)
}

fn run_for(args: &Args, target: &Target) -> Result<Ended> {
    let run = || supervise(&Entry::open(args, Some(target))?, args.stdio());
    if !args.prefix {
        let ended = run()?;
        tell(target, &ended);
        return Ok(ended);
    }
    let prefixed = Prefixed::start(&target.name)?;
    let ended = run().map_err(|error| fail(&error));
    match (ended, prefixed.end()?) {
        (Ok(ended), true) => {
            tell(target, &ended);
            Ok(ended)
        }
        (Ok(ended), false) => Ok(Ended { status: FAILED, ..ended }),
        (Err(status), _) => Ok(Ended { status, is_interrupted: false }),
    }
}

/// Says for which target the command has failed: the status of all does not tell. That its reader has left is no failure.
fn tell(target: &Target, ended: &Ended) {
    if !ended.is_interrupted && !matches!(ended.status, 0 | SIGPIPE) {
        let error = Error::failed(format!("exit status {}", ended.status));
        report(PROGRAM, &error.prefix(&target.name));
    }
}
