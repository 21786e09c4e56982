//! `--each`: the command once for each record.

use nicon_core::Result;

use crate::cli::args::Args;
use crate::entry::Entry;
use crate::failure::fail;
use crate::target::Records;
use crate::watch::{Ended, supervise};

/// Runs the command for each record in turn; returns the highest exit status. A signal that asks to end prevents further runs.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let mut worst = 0;
    for target in Records::new(args)? {
        let ended = target.and_then(|target| supervise(&Entry::open(args, Some(&target))?, args.stdio()));
        match ended {
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
