//! The records of a run, and what becomes of the others when one fails or the run is interrupted.

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::output::report;
use nicon_core::filter::stream::Answers;
use nicon_core::{Error, Record, Result, Status};

use crate::every_step::every_step;
use crate::link::ending::{Ending, Remainder};
use crate::link::namespaces::Namespaces;
use crate::record::deed::Deed;
use crate::record::failed::{self, FAILED};
use crate::record::naming::named;
use crate::undoing::limits::{Limits, Reach};
use crate::undoing::moved_link::take_back_change;
use crate::undoing::undo;

/// How a run goes on after a failure.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    /// What messages begin with.
    pub(crate) program: &'static str,
    /// Whether the first failure ends the run.
    pub(crate) fail_fast: bool,
    /// Whether it also takes back what was done before.
    pub(crate) all_or_nothing: bool,
}

/// Prints the records of a run as the command line asks.
pub(crate) struct Batch<'a> {
    options: Options,
    answers: Answers,
    interrupt: &'a Interrupt,
    namespaces: &'a Namespaces,
    /// Whether records are held back until the end.
    holds: bool,
    held: Vec<Held>,
    failed: bool,
}

/// A record that is held back until the end.
struct Held {
    line: Option<u64>,
    record: Record,
    /// What it was like before this run acted on it, if it did.
    before: Option<Record>,
    /// What is left of what this run did.
    remainder: Remainder,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(
        options: Options,
        answers: Answers,
        interrupt: &'a Interrupt,
        namespaces: &'a Namespaces,
    ) -> Self {
        Self { options, answers, interrupt, namespaces, holds: options.all_or_nothing, held: Vec::new(), failed: false }
    }

    /// The same, which prints no record before its end, though each is done on its own.
    pub(crate) fn holding(self) -> Self {
        Self { holds: true, ..self }
    }

    /// Whether no further record is acted on.
    pub(crate) fn is_stopped(&self) -> bool {
        let is_failed = self.failed && (self.options.fail_fast || self.options.all_or_nothing);
        is_failed || self.interrupt.signal().is_some()
    }

    /// Lets go of namespaces: the next record may be a long time coming, and containers may end meanwhile.
    pub(crate) fn rest(&self) {
        self.namespaces.let_go();
    }

    /// Takes a record that was not acted on.
    pub(crate) fn pass(&mut self, line: Option<u64>, record: Record) -> Result<()> {
        self.take(Held { line, record, before: None, remainder: Remainder::default() })
    }

    /// Takes a record that was acted on: its last deed is this run's, `before` is what it was like without, and `remainder` is what
    /// is left of the act.
    pub(crate) fn done(
        &mut self,
        line: Option<u64>,
        before: Record,
        record: Record,
        remainder: Remainder,
    ) -> Result<()> {
        self.take(Held { line, record, before: Some(before), remainder })
    }

    fn take(&mut self, held: Held) -> Result<()> {
        if self.holds {
            self.held.push(held);
            return Ok(());
        }
        self.print(held)
    }

    fn print(&mut self, held: Held) -> Result<()> {
        self.answers.give(held.line, Ok(held.record))?;
        // Without its record the move could not be undone. Then the same command finds the journal, and tells it again.
        held.remainder.ending.into_iter().for_each(Ending::end);
        Ok(())
    }

    /// Takes a failure, and its records as far as they could be read.
    pub(crate) fn fail(
        &mut self,
        line: Option<u64>,
        records: impl IntoIterator<Item = Record>,
        error: Error,
    ) -> Result<()> {
        self.failed = true;
        let why = error.to_string();
        let records: Vec<Record> = records.into_iter().collect();
        self.answers.give(None, Err(named(error, line, &records)))?;
        records
            .into_iter()
            .filter_map(|record| failed::mark(record, &why))
            .try_for_each(|record| self.pass(line, record))
    }

    /// Looks at all that was done and is held back: what does not pass a `check` has failed, though it is done.
    pub(crate) fn check(&mut self, check: impl Fn(&Record) -> Result<()>) -> Result<()> {
        let mut all = std::mem::take(&mut self.held);
        for held in all.iter_mut().filter(|held| held.before.is_some()) {
            if self.is_stopped() {
                break;
            }
            if let Err(error) = check(&held.record) {
                self.failed = true;
                held.record.set(FAILED, error.to_string());
                self.answers.give(None, Err(named(error, held.line, std::slice::from_ref(&held.record))))?;
            }
        }
        self.held = all;
        Ok(())
    }

    /// Takes a record that came after what ended the run.
    pub(crate) fn skip(&mut self, line: Option<u64>, record: Record) -> Result<()> {
        let why = format!("not tried, since {}", self.cause());
        failed::mark(record, &why).map_or(Ok(()), |record| self.pass(line, record))
    }

    /// Why the run ended early.
    fn cause(&self) -> String {
        match self.interrupt.signal() {
            Some(signal) if !self.failed => format!("the run was interrupted by {signal}"),
            _ => "another record failed".to_owned(),
        }
    }

    /// Ends the run, and prints what was held back. `read` is whether all records could be read.
    ///
    /// # Errors
    /// If standard input or output failed.
    pub(crate) fn finish(self, read: Result<()>) -> Result<Status> {
        if self.options.all_or_nothing { self.finish_all(read) } else { self.finish_each(read) }
    }

    /// Ends a run of which each record was treated on its own.
    fn finish_each(mut self, read: Result<()>) -> Result<Status> {
        read?;
        let interrupted = self.interrupt.check();
        for held in std::mem::take(&mut self.held) {
            self.print(held)?;
        }
        if let Err(error) = interrupted {
            self.answers.give(None, Err(error))?;
        }
        self.answers.finish()
    }

    /// Ends a run that is all or nothing. If any of it failed, was interrupted, or cannot be printed, undoes this run's deeds, the last
    /// one first.
    fn finish_all(mut self, read: Result<()>) -> Result<Status> {
        if let Err(error) = read {
            self.fail(None, None, error)?;
        }
        if self.failed {
            return self.take_all_back();
        }
        if let Err(error) = self.interrupt.check().and_then(|()| self.namespaces.check_alive()) {
            self.answers.give(None, Err(error))?;
            return self.take_all_back();
        }
        self.print_all()
    }

    /// Prints all that was held back, and ends the moves of which it tells. If it cannot be printed, takes all back.
    fn print_all(mut self) -> Result<Status> {
        let mut held = std::mem::take(&mut self.held);
        held.sort_by_key(|held| held.line);
        let printed = self.answers.give_all(held.iter().map(|held| Ok(held.record.clone())));
        let status = match printed.and_then(|()| self.answers.finish()) {
            Ok(status) => status,
            Err(error) => {
                // Nobody has the records, so nobody could undo what they tell of.
                let mut end = "all was taken back";
                for mut held in held.into_iter().rev() {
                    if let Err(error) = held.take_back(self.namespaces) {
                        report(self.options.program, &error);
                        end = "not all could be taken back";
                    }
                }
                return Err(Error::failed(format!("{error}; {end}")));
            }
        };
        // Of all moves somebody has the record: that a tag stays keeps no other from being removed.
        let endings = held.into_iter().filter_map(|held| held.remainder.ending);
        let ended = endings.map(|ending| ending.remove_tag(self.namespaces).map(|()| ending.end()));
        every_step(ended).map(|()| status)
    }

    /// Undoes this run's deeds. Records that still have deeds then, of earlier programs or of this one, go on as failed.
    fn take_all_back(mut self) -> Result<Status> {
        let why = format!("taken back, since {}", self.cause());
        let mut left = Vec::new();
        for mut held in std::mem::take(&mut self.held).into_iter().rev() {
            if let Err(error) = held.take_back(self.namespaces) {
                let error = named(error, held.line, std::slice::from_ref(&held.record));
                self.answers.give(None, Err(error))?;
            }
            left.extend(failed::mark(held.record, &why).map(|record| (held.line, record)));
        }
        left.into_iter().rev().try_for_each(|(line, record)| self.answers.give(line, Ok(record)))?;
        self.answers.finish()
    }
}

impl Held {
    /// Undoes what this run did. If that fails, the traces of a move stay, and the same command finds them.
    fn take_back(&mut self, namespaces: &Namespaces) -> Result<()> {
        let Some(before) = self.before.take() else { return Ok(()) };
        if !self.remainder.has_changes() {
            take_back(&mut self.record, namespaces)?;
        }
        // What fails keeps no other from being taken back.
        let extras = self.remainder.extras.take().map(|take_back| take_back());
        let changes = self.remainder.changes.drain(..).rev().map(|change| take_back_change(&change, namespaces));
        every_step(extras.into_iter().chain(changes))
            .map_err(|error| error.prefix("put it back, since another failed"))?;
        self.record = before;
        if let Some(ending) = self.remainder.ending.take() {
            ending.remove_tag(namespaces)?;
            ending.discard();
        }
        Ok(())
    }
}

/// Undoes the last deed of a record, unless an earlier run did it: such a deed does not say how it was before, and taking it back
/// is not up to this run.
fn take_back(record: &mut Record, namespaces: &Namespaces) -> Result<()> {
    let deeds = Deed::all(record)?;
    let Some((index, deed)) = deeds.iter().enumerate().next_back().filter(|(_, deed)| deed.changed) else {
        return Ok(());
    };
    if deed.is_whole() {
        let limits = Limits { reach: Reach::Anywhere, guard: None };
        let undone = undo(deed, record, namespaces, limits).and_then(|undone| undone.check());
        return undone.map(drop).map_err(|error| error.prefix("put it back, since another failed"));
    }
    deed.take_from(record, index);
    let did = if deed.link.is_some() { "moved" } else { "made" };
    Err(Error::failed(format!("{}, which an earlier run {did}, keeps what this run gave it", deed.name)))
}
