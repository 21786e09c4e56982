//! `--each`: the command once for each record.

use nicon_core::Result;

use crate::cli::args::Args;
use crate::entry::Entry;
use crate::failure::{FAILED, fail};
use crate::prefixed::Prefixed;
use crate::target::{Records, Target};
use crate::watch::{Ended, supervise};

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
        return run();
    }
    let prefixed = Prefixed::start(&target.name)?;
    let mut ended = run().unwrap_or_else(|error| Ended { status: fail(&error), is_interrupted: false });
    if !prefixed.end()? {
        ended.status = FAILED;
    }
    Ok(ended)
}
