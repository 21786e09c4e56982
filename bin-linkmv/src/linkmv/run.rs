//! The run: records in, the moves that they ask for, records out.

use nicon_core::filter::column::Column;
use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::stream::Answers;
use nicon_core::record::cell;
use nicon_core::{Record, Result, Status};
use nicon_rtnl::record::{MAC, TARGET};

use crate::batch::{self, Batch};
use crate::each::{Asks, Each, one};
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
use crate::record::columns::{self, DONE, IFINDEX, NAME};
use crate::record::deed;
use crate::record::program::LINKMV;
use crate::undoing::input;

const LINK: Column = Column::new("LINK", |record| cell(deed::last(record).and_then(|deed| deed.get("link"))));
const LOST: Column = Column::new("LOST", |record| losses::cell(deed::last(record).and_then(|deed| deed.get("lost"))));

const COLUMNS: &[Column] = &[TARGET, LINK, NAME, IFINDEX, MAC, DONE, LOST];
const PLAN: &[Column] = &[
    TARGET,
    Column::new("LINK", |record| record.cell("link")),
    Column::new("LOST", |record| losses::cell(record.get("lost"))),
    columns::STEPS,
];

/// Moves what the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a link that cannot be moved does not.
pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<Status> {
    let namespaces = Namespaces::new()?;
    if args.undo {
        let (format, fail_fast, pace) = (args.format, args.fail_fast, args.pace.unwrap_or_default());
        let options = input::Options { program: LINKMV, format, force: args.force, fail_fast, pace };
        return input::run(&options, interrupt, &namespaces);
    }
    let columns = if args.dry_run { PLAN } else { COLUMNS };
    let answers = Answers::new(LINKMV, args.format.view(columns))?;
    let endpoints = Endpoints::new(args.from.as_ref(), args.all_or_nothing, &namespaces)?;
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
    let change = |record: &mut Record| {
        let asked = Asked::of(record, args)?;
        change(record, &asked, &options, &endpoints).map_err(|error| endpoints.explain(error, record, &asked.link))
    };
    let (asks, hint) = if let Some(link) = &args.link {
        let without_records = format!("no record on standard input: {link} was not moved");
        (Asks::CommandLine { without_records }, "give --target PID")
    } else {
        let if_none = "no record names a link: give LINK, or \"link\" in a record";
        (Asks::Records { act: Act::Link, if_none }, "name a link and give --target PID")
    };
    let each = Each { asks, hint, pace: args.pace.unwrap_or_default(), interrupt };
    let read = match &args.target {
        Some(target) => one(&mut batch, None, Record::from(target), change).map(drop),
        None => each.run(&mut batch, change),
    };
    batch.finish(read)
}
