//! The run: two processes in, a pair between them, two records out.

use std::time::Duration;

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::stream::{Answers, Lines, RECORDS};
use nicon_core::{Error, Record, Result, Status};

use crate::batch::{self, Batch};
use crate::each::each_asking;
use crate::link::ending::Remainder;
use crate::link::namespaces::Namespaces;
use crate::link::undo::Undo;
use crate::link::wait_ready::Readiness;
use crate::making::Options;
use crate::record::act::Act;
use crate::record::columns::{PLANNED, THERE};
use crate::record::passing::is_passed_over;
use crate::record::program::VETH;
use crate::undoing::input;
use crate::veth::args::Args;
use crate::veth::wiring::Wiring;

/// Makes the pairs that the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a pair that cannot be made does not.
pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<Status> {
    let namespaces = Namespaces::new()?;
    if args.undo {
        let (format, force, fail_fast) = (args.format, args.force, args.fail_fast);
        let options = input::Options { program: VETH, format, force, fail_fast, pace: Duration::ZERO };
        return input::run(&options, interrupt, &namespaces);
    }
    let ends = args.ends()?;
    let answers = Answers::new(VETH, args.format.view(if args.dry_run { PLANNED } else { THERE }))?;
    let (fail_fast, all_or_nothing) = (args.fail_fast, args.all_or_nothing);
    let mut batch =
        Batch::new(batch::Options { program: VETH, fail_fast, all_or_nothing }, answers, interrupt, &namespaces);
    let readiness = Readiness { wait: args.wait, announce: args.announce, interrupt };
    let options = Options { readiness, dry_run: args.dry_run, all_or_nothing, exact: false };
    let wiring = Wiring::new(options, &namespaces);
    let read = match ends {
        Some(ends) => one(args, &mut batch, interrupt, |records| wiring.wire(records, &ends)),
        None => many(&mut batch, interrupt, |records| wiring.wire_as_asked(records, [None, None])),
    };
    batch.finish(read)
}

/// Makes the pair that the command line names.
fn one(
    args: &Args,
    batch: &mut Batch<'_>,
    interrupt: &Interrupt,
    wire: impl FnMut(&mut [Record; 2]) -> Result<Vec<Undo>>,
) -> Result<()> {
    match two_records(args, batch, interrupt)? {
        Some(records) => act(batch, None, records, wire),
        None => Ok(()),
    }
}

/// The two records of one pair: first what --target names, then standard input. All of it is read before anything is done: with
/// a third record, or a missing one, it is not clear what was meant.
fn two_records(args: &Args, batch: &mut Batch<'_>, interrupt: &Interrupt) -> Result<Option<[Record; 2]>> {
    let mut records: Vec<Record> = args.targets.iter().map(Record::from).collect();
    if records.len() < 2 {
        for line in Lines::stdin_until(interrupt, "give --target PID twice")? {
            let line = line?;
            let record = line.record(RECORDS);
            let record = record.map_err(|error| error.prefix(format!("line {}", line.number)))?;
            if is_passed_over(&record) {
                batch.pass(Some(line.number), record)?;
            } else {
                records.push(record);
            }
        }
    }
    if batch.is_stopped() {
        // The input may not be all that was meant.
        records.into_iter().try_for_each(|record| batch.skip(None, record))?;
        return Ok(None);
    }
    if records.is_empty() {
        return Err(Error::no("no record on standard input: no pair was made"));
    }
    match <[Record; 2]>::try_from(records) {
        Ok(records) => Ok(Some(records)),
        Err(records) => {
            let count = records.len();
            let missing = if count < 2 { "one of the containers may be missing; " } else { "" };
            let why = format!("2 ends needed, {count} given: {missing}pipe in two records, or repeat --target");
            batch.fail(None, records, Error::failed(why))?;
            Ok(None)
        }
    }
}

/// Makes many pairs. Which two records belong together is never guessed from their order: one that is missing, because
/// its container is, would shift all others and wire the wrong ones.
fn many(
    batch: &mut Batch<'_>,
    interrupt: &Interrupt,
    mut wire: impl FnMut(&mut [Record; 2]) -> Result<Vec<Undo>>,
) -> Result<()> {
    let mut waiting: Vec<(u64, String, Record)> = Vec::new();
    let hint = "name both ends and give --target PID twice";
    let passing = each_asking(batch, interrupt, hint, pair_of, |batch, line, record, pair| {
        if let Some(position) = waiting.iter().position(|(_, other, _)| *other == pair) {
            let records = [waiting.remove(position).2, record];
            return act(batch, Some(line), records, &mut wire);
        }
        waiting.push((line, pair, record));
        Ok(())
    })?;
    for (number, pair, record) in waiting {
        if batch.is_stopped() {
            batch.skip(Some(number), record)?;
        } else {
            batch.fail(Some(number), [record], Error::failed(format!("pair \"{pair}\" has no other end")))?;
        }
    }
    if passing.is_a_mistake() {
        let error = Error::failed("no record names a pair: give NAME and PEER, or \"pair\" in two records each");
        batch.fail(None, None, error)?;
    }
    Ok(())
}

/// The pair of which a record asks for one end, if it does.
fn pair_of(record: &Record) -> Result<Option<String>> {
    if is_passed_over(record) || Act::of(record)? != Some(Act::Pair) {
        return Ok(None);
    }
    record.text("pair").map(|pair| pair.map(str::to_owned))
}

/// Acts on the two records of a pair.
fn act(
    batch: &mut Batch<'_>,
    line: Option<u64>,
    mut records: [Record; 2],
    mut wire: impl FnMut(&mut [Record; 2]) -> Result<Vec<Undo>>,
) -> Result<()> {
    let before = records.clone();
    match wire(&mut records) {
        Ok(changes) => {
            let pairs = before.into_iter().zip(records).zip(Remainder::from(changes).for_records());
            pairs.into_iter().try_for_each(|((before, record), left)| batch.done(line, before, record, left))
        }
        Err(error) => batch.fail(line, records, error),
    }
}
