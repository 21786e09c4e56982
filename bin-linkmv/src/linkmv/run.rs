//! The run: records in, the moves that they ask for, records out.

use std::time::Duration;

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::stream::{Answers, Lines, View};
use nicon_core::filter::table::Column;
use nicon_core::record::cell;
use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::record::{IFINDEX, MAC, NAME, RECORDS, TARGET};

use crate::batch::{self, Batch};
use crate::link::ending::Remainder;
use crate::link::journal::Journals;
use crate::link::losses;
use crate::link::namespaces::Namespaces;
use crate::link::wait_ready::Readiness;
use crate::linkmv::args::Args;
use crate::linkmv::asked::Asked;
use crate::linkmv::change::change;
use crate::linkmv::endpoints::Endpoints;
use crate::moving::guard::Guard;
use crate::moving::job::Options;
use crate::record::act::Act;
use crate::record::deed;
use crate::record::passing::{Passing, is_passed_over};
use crate::record::program::LINKMV;
use crate::record::steps;
use crate::undoing::input;

const LINK: Column =
    Column { title: "LINK", cell: |record| cell(deed::last(record).and_then(|deed| deed.get("link"))) };
const CHANGED: Column = Column { title: "CHANGED", cell: deed::changed };
const LOST: Column =
    Column { title: "LOST", cell: |record| losses::cell(deed::last(record).and_then(|deed| deed.get("lost"))) };

const COLUMNS: &[Column] = &[TARGET, LINK, NAME, IFINDEX, MAC, CHANGED, LOST];
const PLAN: &[Column] = &[
    TARGET,
    Column { title: "LINK", cell: |record| record.cell("link") },
    Column { title: "LOST", cell: |record| losses::cell(record.get("lost")) },
    steps::COLUMN,
];

/// Moves what the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a link that cannot be moved does not.
pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<Status> {
    let namespaces = Namespaces::new()?;
    if args.undo {
        let (json, fail_fast, pace) = (args.json, args.fail_fast, args.pace.unwrap_or_default());
        let options = input::Options { program: LINKMV, json, force: args.force, fail_fast, pace };
        return input::run(&options, interrupt, &namespaces);
    }
    let columns = if args.dry_run { PLAN } else { COLUMNS };
    let answers = Answers::new(LINKMV, View::choose(args.json, columns))?;
    let mut endpoints = Endpoints::new(args.from.as_ref(), args.all_or_nothing, &namespaces)?;
    let journals = if args.dry_run {
        Journals::read_only(LINKMV, interrupt)?
    } else {
        Journals::open(LINKMV, args.wait.unwrap_or_default(), interrupt)?
    };
    let options = Options {
        guard: Guard::new(args.force),
        readiness: Readiness { wait: args.wait, announce: args.announce, interrupt },
        dry_run: args.dry_run,
        journals: &journals,
        namespaces: &namespaces,
        all_or_nothing: args.all_or_nothing,
    };
    let (fail_fast, all_or_nothing) = (args.fail_fast, args.all_or_nothing);
    let mut batch =
        Batch::new(batch::Options { program: LINKMV, fail_fast, all_or_nothing }, answers, interrupt, &namespaces);
    let mut change = |record: &mut Record| change(record, &Asked::of(record, args)?, (&options, &mut endpoints));
    let read = match &args.target {
        Some(target) => act(&mut batch, None, Record::from(target), change).map(drop),
        None => each_record(args, &mut batch, interrupt, &mut change),
    };
    batch.finish(read)
}

/// Acts on the records of standard input that ask for it, and passes the others on.
fn each_record(
    args: &Args,
    batch: &mut Batch<'_>,
    interrupt: &Interrupt,
    mut change: impl FnMut(&mut Record) -> Result<(bool, Remainder)>,
) -> Result<()> {
    let (mut passing, mut rest, mut acted) = (Passing::default(), Duration::ZERO, false);
    let hint = if args.link.is_some() { "give --target PID" } else { "name a link and give --target PID" };
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
                interrupt.sleep(rest);
                acted = true;
                let changed = act(batch, Some(line.number), record, &mut change)?;
                rest = args.pace.filter(|_| changed).unwrap_or_default();
            }
            Ok((_, false)) => {}
            Err((record, error)) => batch.fail(Some(line.number), record, error)?,
        }
    }
    match &args.link {
        Some(link) if !acted && !batch.is_stopped() => {
            batch.fail(None, None, Error::no(format!("no record on standard input: {link} was not moved")))
        }
        None if passing.is_a_mistake() => {
            batch.fail(None, None, Error::failed("no record names a link: give LINK, or \"link\" in a record"))
        }
        _ => Ok(()),
    }
}

/// Whether a record asks for a move.
fn asks(record: &Record, args: &Args) -> Result<bool> {
    if is_passed_over(record) {
        return Ok(false);
    }
    Ok(args.link.is_some() || Act::of(record)? == Some(Act::Link))
}

/// Acts on one record, and returns whether anything was changed.
fn act(
    batch: &mut Batch<'_>,
    line: Option<u64>,
    mut record: Record,
    change: impl FnOnce(&mut Record) -> Result<(bool, Remainder)>,
) -> Result<bool> {
    let before = record.clone();
    match change(&mut record) {
        Ok((changed, remainder)) => batch.done(line, before, record, remainder).map(|()| changed),
        Err(error) => batch.fail(line, [record], error).map(|()| false),
    }
}
