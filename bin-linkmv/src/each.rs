//! The records that a program for single acts reads: those that ask for its act are acted on, and the others pass.

use std::time::Duration;

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::stream::{Lines, RECORDS};
use nicon_core::{Error, Record, Result};

use crate::batch::Batch;
use crate::link::ending::Remainder;
use crate::record::act::Act;
use crate::record::passing::{Passing, is_passed_over};

/// How a program reads them.
pub(crate) struct Each<'a> {
    /// What a record asks for.
    pub(crate) act: Act,
    /// What is said if the command line names what is to be done, and there is no record to do it for. `None` if the records say what
    /// is to be done.
    pub(crate) nothing: Option<String>,
    /// What is said if they do not.
    pub(crate) mistake: &'static str,
    /// What the user can do if standard input is a terminal.
    pub(crate) hint: &'static str,
    /// How long to rest after a record for which something was changed.
    pub(crate) pace: Duration,
    pub(crate) interrupt: &'a Interrupt,
}

impl Each<'_> {
    /// Acts on the records of standard input that ask for it, and passes the others on. `act` returns whether it changed anything.
    ///
    /// # Errors
    /// If standard input or output fails.
    pub(crate) fn run(
        &self,
        batch: &mut Batch<'_>,
        mut act: impl FnMut(&mut Record) -> Result<(bool, Remainder)>,
    ) -> Result<()> {
        let (mut rest, mut acted) = (Duration::ZERO, false);
        let asks = |record: &Record| Ok(self.asks(record)?.then_some(()));
        let passing = each_asking(batch, (self.interrupt, self.hint), asks, |batch, line, record, ()| {
            self.interrupt.sleep(rest);
            acted = true;
            let changed = one(batch, Some(line), record, &mut act)?;
            rest = if changed { self.pace } else { Duration::ZERO };
            Ok(())
        })?;
        match &self.nothing {
            Some(nothing) if !acted && !batch.is_stopped() => batch.fail(None, None, Error::no(nothing.clone())),
            None if passing.is_a_mistake() => batch.fail(None, None, Error::failed(self.mistake)),
            _ => Ok(()),
        }
    }

    /// Whether a record asks for the act.
    fn asks(&self, record: &Record) -> Result<bool> {
        if is_passed_over(record) {
            return Ok(false);
        }
        Ok(self.nothing.is_some() || Act::of(record)? == Some(self.act))
    }
}

/// Has those records of standard input acted on, each with its line, for which `asks` tells what they ask for; passes the others on. `hint`
/// is what the user can do if standard input is a terminal.
///
/// # Errors
/// If standard input or output fails.
pub(crate) fn each_asking<T>(
    batch: &mut Batch<'_>,
    (interrupt, hint): (&Interrupt, &str),
    asks: impl Fn(&Record) -> Result<Option<T>>,
    mut act: impl FnMut(&mut Batch<'_>, u64, Record, T) -> Result<()>,
) -> Result<Passing> {
    let (mut passing, mut lines) = (Passing::default(), Lines::stdin_until(interrupt, hint)?);
    loop {
        if lines.is_drained() {
            batch.rest();
        }
        let Some(line) = lines.next().transpose()? else { return Ok(passing) };
        let record = line.record(RECORDS);
        if batch.is_stopped() {
            record.map_or(Ok(()), |record| batch.skip(Some(line.number), record))?;
            continue;
        }
        let asked = record.map_err(|error| (None, error)).and_then(|record| match asks(&record) {
            Ok(asked) => Ok((record, asked)),
            Err(error) => Err((Some(record), error)),
        });
        let given = match &asked {
            Ok((record, None)) => passing.pass(line.number, record.clone()),
            Ok((_, Some(_))) | Err(_) => passing.release(),
        };
        for (number, record) in given {
            batch.pass(Some(number), record)?;
        }
        match asked {
            Ok((record, Some(asked))) => act(batch, line.number, record, asked)?,
            Ok((_, None)) => {}
            Err((record, error)) => batch.fail(Some(line.number), record, error)?,
        }
    }
}

/// Acts on one record, and returns whether anything was changed.
///
/// # Errors
/// If standard output fails.
pub(crate) fn one(
    batch: &mut Batch<'_>,
    line: Option<u64>,
    mut record: Record,
    act: impl FnOnce(&mut Record) -> Result<(bool, Remainder)>,
) -> Result<bool> {
    let before = record.clone();
    match act(&mut record) {
        Ok((changed, remainder)) => batch.done(line, before, record, remainder).map(|()| changed),
        Err(error) => batch.fail(line, [record], error).map(|()| false),
    }
}
