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
    pub(crate) asks: Asks,
    /// What the user can do if standard input is a terminal.
    pub(crate) hint: &'static str,
    /// How long to rest after a record for which something was changed.
    pub(crate) pace: Duration,
    pub(crate) interrupt: &'a Interrupt,
}

/// Who asks for what is to be done.
pub(crate) enum Asks {
    /// The command line, for every record.
    CommandLine {
        /// What is said if there are none.
        without_records: String,
    },
    /// Each record for itself.
    Records {
        /// What it asks for if it is to be acted on.
        act: Act,
        /// What is said if none asks for anything.
        if_none: &'static str,
    },
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
        let passing = each_asking(batch, self.interrupt, self.hint, asks, |batch, line, record, ()| {
            self.interrupt.sleep(rest);
            acted = true;
            let changed = one(batch, Some(line), record, &mut act)?;
            rest = if changed { self.pace } else { Duration::ZERO };
            Ok(())
        })?;
        match &self.asks {
            Asks::CommandLine { without_records } if !acted && !batch.is_stopped() => {
                batch.fail(None, None, Error::no(without_records.clone()))
            }
            Asks::Records { if_none, .. } if passing.is_a_mistake() => batch.fail(None, None, Error::failed(*if_none)),
            _ => Ok(()),
        }
    }

    /// Whether a record is to be acted on.
    fn asks(&self, record: &Record) -> Result<bool> {
        if is_passed_over(record) {
            return Ok(false);
        }
        match self.asks {
            Asks::CommandLine { .. } => Ok(true),
            Asks::Records { act, .. } => Ok(Act::of(record)? == Some(act)),
        }
    }
}

/// Acts on those records of standard input for which `asks` tells what they ask for, each with the number of its line, and passes the
/// others on. `hint` is what the user can do if standard input is a terminal.
///
/// # Errors
/// If standard input or output fails.
pub(crate) fn each_asking<T>(
    batch: &mut Batch<'_>,
    interrupt: &Interrupt,
    hint: &str,
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
