//! `--each`: the command once for each record.

use nicon_core::Result;

use crate::args::Args;
use crate::entry::Entry;
use crate::run::fail;
use crate::supervise::{Ended, supervise};
use crate::target;

/// Runs the command for each record in turn; the worst exit status wins. Who is asked to end begins no further one.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let mut worst = 0;
    let mut number = 0;
    while let Some(record) = target::next_record()? {
        number += 1;
        let ended = record.and_then(|target| supervise(&Entry::open(args, Some(&target))?, args.stage()));
        match ended {
            Ok(Ended { status, is_interrupted }) => {
                worst = worst.max(status);
                if is_interrupted {
                    break;
                }
            }
            Err(error) => worst = worst.max(fail(&error.within(format!("record {number}")))),
        }
    }
    Ok(worst)
}
