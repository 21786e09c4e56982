//! The run: records in, the links that they ask for made, records out.

use std::time::Duration;

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::stream::{Answers, Lines, View};
use nicon_core::filter::table::Column;
use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::record::{IFINDEX, MAC, NAME, RECORDS, TARGET};

use crate::batch::{self, Batch};
use crate::link::ending::Remainder;
use crate::link::namespaces::Namespaces;
use crate::link::undo::Undo;
use crate::link::wait_ready::Readiness;
use crate::linkadd::adding::Adding;
use crate::linkadd::args::Args;
use crate::making::Options;
use crate::record::act::Act;
use crate::record::deed;
use crate::record::passing::{Passing, is_passed_over};
use crate::record::program::LINKADD;
use crate::record::steps;
use crate::undoing::input;

const CHANGED: Column = Column { title: "CHANGED", cell: deed::changed };

const COLUMNS: &[Column] = &[TARGET, NAME, IFINDEX, MAC, CHANGED];
const PLAN: &[Column] = &[TARGET, steps::COLUMN];

/// Makes the links that the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a link that cannot be made does not.
pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<Status> {
    let namespaces = Namespaces::new()?;
    if args.undo {
        let (json, force, fail_fast) = (args.json, args.force, args.fail_fast);
        let options = input::Options { program: LINKADD, json, force, fail_fast, pace: Duration::ZERO };
        return input::run(&options, interrupt, &namespaces);
    }
    let answers = Answers::new(LINKADD, View::choose(args.json, if args.dry_run { PLAN } else { COLUMNS }))?;
    let (fail_fast, all_or_nothing) = (args.fail_fast, args.all_or_nothing);
    let mut batch =
        Batch::new(batch::Options { program: LINKADD, fail_fast, all_or_nothing }, answers, interrupt, &namespaces);
    let readiness = Readiness { wait: args.wait, announce: args.announce, interrupt };
    let mut adding =
        Adding::new(Options { readiness, dry_run: args.dry_run, all_or_nothing, exact: false }, &namespaces);
    let mut add = |record: &mut Record| add(record, args, &mut adding);
    let read = match &args.target {
        Some(target) => act(&mut batch, None, Record::from(target), &mut add),
        None => each_record(args, &mut batch, interrupt, add),
    };
    batch.finish(read)
}

/// Makes the link that the command line asks for, or the record.
fn add(record: &mut Record, args: &Args, adding: &mut Adding<'_>) -> Result<Vec<Undo>> {
    let mut given = Record::default();
    args.put_into(&mut given);
    // A link of the command line is not the link that the record's wishes are about.
    if args.kind.is_some() { adding.add(record, &given, None) } else { adding.add_as_asked(record, &given, None) }
}

/// Acts on the records of standard input that ask for it, and passes the others on.
fn each_record(
    args: &Args,
    batch: &mut Batch<'_>,
    interrupt: &Interrupt,
    mut add: impl FnMut(&mut Record) -> Result<Vec<Undo>>,
) -> Result<()> {
    let (mut passing, mut acted) = (Passing::default(), false);
    let hint = if args.kind.is_some() { "give --target PID" } else { "name a kind and give --target PID" };
    for line in Lines::stdin_until(interrupt, hint)? {
        let line = line?;
        let record = line.record(RECORDS);
        if batch.is_stopped() {
            record.map_or(Ok(()), |record| batch.skip(Some(line.number), record))?;
            continue;
        }
        let asked = record.map_err(|error| (None, error)).and_then(|record| match asks(&record, args) {
            Ok(asks) => Ok((record, asks)),
            Err(error) => Err((Some(record), error)),
        });
        let given = match &asked {
            Ok((record, false)) => passing.pass(line.number, record.clone()),
            Ok((_, true)) | Err(_) => passing.release(),
        };
        for (number, record) in given {
            batch.pass(Some(number), record)?;
        }
        match asked {
            Ok((record, true)) => {
                acted = true;
                act(batch, Some(line.number), record, &mut add)?;
            }
            Ok((_, false)) => {}
            Err((record, error)) => batch.fail(Some(line.number), record, error)?,
        }
    }
    match &args.kind {
        Some(kind) if !acted && !batch.is_stopped() => {
            batch.fail(None, None, Error::no(format!("no record on standard input: no {kind} was made")))
        }
        None if passing.is_a_mistake() => {
            batch.fail(None, None, Error::failed("no record names a kind: give KIND, or \"kind\" in a record"))
        }
        _ => Ok(()),
    }
}

/// Whether a record asks for a link to be made.
fn asks(record: &Record, args: &Args) -> Result<bool> {
    if is_passed_over(record) {
        return Ok(false);
    }
    Ok(args.kind.is_some() || Act::of(record)? == Some(Act::Kind))
}

/// Acts on one record.
fn act(
    batch: &mut Batch<'_>,
    line: Option<u64>,
    mut record: Record,
    add: &mut impl FnMut(&mut Record) -> Result<Vec<Undo>>,
) -> Result<()> {
    let before = record.clone();
    match add(&mut record) {
        Ok(changes) => batch.done(line, before, record, Remainder { ending: None, changes }),
        Err(error) => batch.fail(line, [record], error),
    }
}
