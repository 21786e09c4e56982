//! The records of a run, and what becomes of the others when one fails.

use nicon_core::filter::stream::Answers;
use nicon_core::{Error, Record, Result};

use crate::linkmv::args::Args;
use crate::record::{deed::Deed, failed};

/// Why no later record was acted on.
const NOT_TRIED: &str = "not tried, since another record failed";

/// Why a record of a run that is all or nothing goes on as failed.
const TAKEN_BACK: &str = "taken back, since another record failed";

/// Prints the records of a run as the command line asks.
pub(crate) struct Batch<'a> {
    answers: &'a mut Answers,
    fail_fast: bool,
    all_or_nothing: bool,
    /// Records that are held back until all have succeeded, and what those were like that this run acted on.
    held: Vec<(Option<u64>, Record, Option<Record>)>,
    failed: bool,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(args: &Args, answers: &'a mut Answers) -> Self {
        Self {
            answers,
            fail_fast: args.fail_fast,
            all_or_nothing: args.all_or_nothing,
            held: Vec::new(),
            failed: false,
        }
    }

    /// Whether no further record is acted on.
    pub(crate) fn is_stopped(&self) -> bool {
        self.failed && (self.fail_fast || self.all_or_nothing)
    }

    /// Takes a record that was not acted on.
    pub(crate) fn pass(&mut self, line: Option<u64>, record: Record) -> Result<()> {
        self.take(line, record, None)
    }

    /// Takes a record that was acted on: its last deed is this run's, `before` is what it was like without.
    pub(crate) fn done(&mut self, line: Option<u64>, before: Record, record: Record) -> Result<()> {
        self.take(line, record, Some(before))
    }

    fn take(&mut self, line: Option<u64>, record: Record, before: Option<Record>) -> Result<()> {
        if self.all_or_nothing {
            self.held.push((line, record, before));
            return Ok(());
        }
        self.answers.give(line, Ok(record))
    }

    /// Takes a failure, and its record if that could be read.
    pub(crate) fn fail(&mut self, line: Option<u64>, record: Option<Record>, error: Error) -> Result<()> {
        self.failed = true;
        let left = record.and_then(|record| failed::mark(record, &error.to_string()));
        self.answers.give(line, Err(error))?;
        left.map_or(Ok(()), |record| self.pass(line, record))
    }

    /// Takes a record that came after a failure that ended the run.
    pub(crate) fn skip(&mut self, line: u64, record: Record) -> Result<()> {
        failed::mark(record, NOT_TRIED).map_or(Ok(()), |record| self.pass(Some(line), record))
    }

    /// Ends the run: prints what was held back, or undoes this run's deeds, the last one first. Records that still have deeds
    /// then, of earlier programs or of this one, go on as failed.
    pub(crate) fn finish(self, undo: impl Fn(&Record, &Deed) -> Result<()>) -> Result<()> {
        if !self.failed {
            return self.held.into_iter().try_for_each(|(line, record, _)| self.answers.give(line, Ok(record)));
        }
        let mut left = Vec::new();
        for (line, mut record, before) in self.held.into_iter().rev() {
            if let Some(before) = before {
                match take_back(&mut record, &undo) {
                    Ok(()) => record = before,
                    Err(error) => self.answers.give(line, Err(error))?,
                }
            }
            left.extend(failed::mark(record, TAKEN_BACK).map(|record| (line, record)));
        }
        left.into_iter().rev().try_for_each(|(line, record)| self.answers.give(line, Ok(record)))
    }
}

/// Undoes the last deed of a record, and takes it out of it.
fn take_back(record: &mut Record, undo: impl Fn(&Record, &Deed) -> Result<()>) -> Result<()> {
    let deeds = Deed::all(record)?;
    let Some((index, deed)) = deeds.iter().enumerate().next_back() else { return Ok(()) };
    // An earlier run moved the link. The deed then does not have its state, and moving it back is not up to this run.
    let is_earlier = deed.undo.get("ifindex").is_none();
    if deed.changed && !is_earlier {
        undo(record, deed).map_err(|error| error.prefix("put it back, since another failed"))?;
    }
    deed.take_from(record, index);
    if deed.changed && is_earlier {
        let name = &deed.name;
        return Err(Error::failed(format!("{name}, which an earlier run moved, keeps what this run gave it")));
    }
    Ok(())
}
