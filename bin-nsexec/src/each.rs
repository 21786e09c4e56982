//! `--each`: the command once for each record.

use nicon_core::Result;

use crate::args::Args;
use crate::entry::Entry;
use crate::failure::fail;
use crate::supervise::{Ended, supervise};
use crate::target::Records;

/// Runs the command for each record in turn; returns the highest exit status. A signal that asks to end prevents further runs.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let mut worst = 0;
    let mut records = Records::new(args);
    while let Some(record) = records.next()? {
        let ended = record.and_then(|target| supervise(&Entry::open(args, Some(&target))?, args.stdio()));
        match ended {
            Ok(Ended { status, is_interrupted }) => {
                worst = worst.max(status);
                if is_interrupted {
                    break;
                }
            }
            Err(error) => worst = worst.max(fail(&records.locate(error))),
        }
    }
    Ok(worst)
}
