//! The records of a run, and what happens to the others when one fails.

use nicon_core::filter::stream::Answers;
use nicon_core::{Error, Record, Result};

use crate::args::Args;

/// Whether a run goes on.
pub(crate) enum Next {
    GoOn,
    Stop,
}

/// Collects the answers of a run as the command line asks.
pub(crate) struct Batch {
    fail_fast: bool,
    all_or_nothing: bool,
    /// What was moved, held back until all is known to have succeeded.
    held: Vec<(Option<u64>, Record)>,
    failed: bool,
}

impl Batch {
    pub(crate) fn new(args: &Args) -> Self {
        Self { fail_fast: args.fail_fast, all_or_nothing: args.all_or_nothing, held: Vec::new(), failed: false }
    }

    /// Takes one answer.
    pub(crate) fn take(&mut self, answers: &mut Answers, line: Option<u64>, answer: Result<Record>) -> Result<Next> {
        let failed = answer.is_err();
        match answer {
            Ok(record) if self.all_or_nothing => self.held.push((line, record)),
            answer => answers.give(line, answer)?,
        }
        self.failed |= failed;
        Ok(if failed && (self.fail_fast || self.all_or_nothing) { Next::Stop } else { Next::GoOn })
    }

    /// Ends the run: prints what was held back, or has it undone, the last first.
    pub(crate) fn finish(self, answers: &mut Answers, undo: impl Fn(Record) -> Result<Record>) -> Result<()> {
        if !self.failed {
            return self.held.into_iter().try_for_each(|(line, record)| answers.give(line, Ok(record)));
        }
        for (line, record) in self.held.into_iter().rev() {
            if record.get("changed") != Some(&true.into()) {
                continue;
            }
            let undone = if is_of_an_earlier_run(&record) {
                let name = record.cell("name");
                Err(Error::failed(format!("{name}, which an earlier run moved, keeps what this run gave it")))
            } else {
                undo(record).map_err(|error| error.prefix("put it back, since another failed"))
            };
            if let Err(error) = undone {
                answers.give(line, Err(error))?;
            }
        }
        Ok(())
    }
}

/// Whether an earlier run moved the link: the record then does not say how it was, and it is not this run's to move back.
fn is_of_an_earlier_run(record: &Record) -> bool {
    record.get("undo").is_some_and(|undo| undo.get("ifindex").is_none())
}
