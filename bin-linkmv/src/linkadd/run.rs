//! The run: records in, the links that they ask for made, records out.

use std::time::Duration;

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::stream::Answers;
use nicon_core::{Record, Result, Status};

use crate::batch::{self, Batch};
use crate::each::{Asks, Each, one};
use crate::link::ending::Remainder;
use crate::link::namespaces::Namespaces;
use crate::link::wait_ready::Readiness;
use crate::linkadd::adding::Adding;
use crate::linkadd::args::Args;
use crate::making::Options;
use crate::record::act::Act;
use crate::record::columns::{PLANNED, THERE};
use crate::record::program::LINKADD;
use crate::undoing::input;

/// Makes the links that the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a link that cannot be made does not.
pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<Status> {
    let namespaces = Namespaces::new()?;
    if args.undo {
        let (format, force, fail_fast) = (args.format, args.force, args.fail_fast);
        let options = input::Options { program: LINKADD, format, force, fail_fast, pace: Duration::ZERO };
        return input::run(&options, interrupt, &namespaces);
    }
    let answers = Answers::new(LINKADD, args.format.view(if args.dry_run { PLANNED } else { THERE }))?;
    let (fail_fast, all_or_nothing) = (args.fail_fast, args.all_or_nothing);
    let mut batch =
        Batch::new(batch::Options { program: LINKADD, fail_fast, all_or_nothing }, answers, interrupt, &namespaces);
    let readiness = Readiness { wait: args.wait, announce: args.announce, interrupt };
    let mut adding =
        Adding::new(Options { readiness, dry_run: args.dry_run, all_or_nothing, exact: false }, &namespaces);
    let mut add = |record: &mut Record| add(record, args, &mut adding);
    let (asks, hint) = if let Some(kind) = &args.kind {
        let without_records = format!("no record on standard input: no {kind} was made");
        (Asks::CommandLine { without_records }, "give --target PID")
    } else {
        let if_none = "no record names a kind: give KIND, or \"kind\" in a record";
        (Asks::Records { act: Act::Kind, if_none }, "name a kind and give --target PID")
    };
    let each = Each { asks, hint, pace: Duration::ZERO, interrupt };
    let read = match &args.target {
        Some(target) => one(&mut batch, None, Record::from(target), &mut add).map(drop),
        None => each.run(&mut batch, add),
    };
    batch.finish(read)
}

/// Makes the link that the command line asks for, or the record.
fn add(record: &mut Record, args: &Args, adding: &mut Adding<'_>) -> Result<(bool, Remainder)> {
    let mut given = Record::default();
    args.put_into(&mut given);
    // A link of the command line is not the link that the record's wishes are about.
    let remainder = if args.kind.is_some() {
        adding.add(record, &given, None)?
    } else {
        adding.add_as_asked(record, &given, None)?
    };
    Ok((true, remainder))
}
