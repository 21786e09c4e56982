//! The run: records in, the moves that they ask for, records out.

use std::thread::sleep;
use std::time::Duration;

use nicon_core::filter::stream::{Answers, Lines, View};
use nicon_core::filter::table::Column;
use nicon_core::link::{NewName, Selector};
use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::Place;
use nicon_rtnl::fields::{CHANGED, IFINDEX, MAC, NAME, RECORDS, TARGET};

use crate::args::Args;
use crate::batch::{Batch, Next};
use crate::ends::Ends;
use crate::guard::Guard;
use crate::lost;
use crate::mover::{Job, Moved, Mover, Outcome};
use crate::undoing::undo;
use crate::wish;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-linkmv";

const LINK: Column = Column { title: "LINK", cell: |record| record.cell("link") };
const LOST: Column = Column { title: "LOST", cell: lost::cell };
const STEPS: Column = Column { title: "STEPS", cell: steps };

const COLUMNS: &[Column] = &[TARGET, LINK, NAME, IFINDEX, MAC, CHANGED, LOST];
const PLAN: &[Column] = &[TARGET, LINK, LOST, STEPS];

/// Moves what the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a link that cannot be moved does not.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let columns = if args.dry_run { PLAN } else { COLUMNS };
    let mut answers = Answers::new(PROGRAM, View::choose(args.json, columns))?;
    let here = Place::home()?;
    let mut ends = Ends::new(args, &here)?;
    let mover = Mover {
        home: &here,
        guard: (!args.force).then(Guard::default),
        wait: args.wait,
        announce: args.announce,
        dry_run: args.dry_run,
    };
    let mut batch = Batch::new(args);
    if let Some(target) = &args.target {
        let answer = answer(Record::from(target), args, &mover, &mut ends);
        batch.take(&mut answers, None, answer)?;
    } else {
        let mut rest = Duration::ZERO;
        let mut unmoved = args.link.as_ref();
        for line in Lines::stdin(hint(args))? {
            let line = line?;
            unmoved = None;
            sleep(rest);
            let answer = match line.record(RECORDS) {
                Ok(record) if args.undo => undo(record, &here),
                Ok(record) => answer(record, args, &mover, &mut ends),
                Err(error) => Err(error),
            };
            let changed = answer.as_ref().is_ok_and(|record| record.get("changed") == Some(&true.into()));
            rest = args.pace.filter(|_| changed).unwrap_or_default();
            if let Next::Stop = batch.take(&mut answers, Some(line.number), answer)? {
                break;
            }
        }
        if let Some(link) = unmoved {
            answers.give(None, Err(Error::no(format!("no record on standard input: {link} was not moved"))))?;
        }
    }
    batch.finish(&mut answers, |record| undo(record, &here))?;
    answers.finish()
}

/// What to do where there is nothing to read.
fn hint(args: &Args) -> &'static str {
    match args.link {
        _ if args.undo => "redirect the output of an earlier run (nicon-linkmv --undo <moved)",
        Some(_) => "give --target PID",
        None => "name a link and give --target PID",
    }
}

fn answer(mut record: Record, args: &Args, mover: &Mover<'_>, ends: &mut Ends<'_>) -> Result<Record> {
    let nothing = Record::default();
    // A link that is named on the command line is not the one of which the record tells. Both may be in one place.
    let told = if args.link.is_some() { &nothing } else { &record };
    let (selector, name) = names(told, args)?;
    let wish = wish::read(told, name, &args.attributes)?;
    if (mover.announce || mover.wait.is_some()) && !wish.up {
        return Err(Error::failed("field \"up\": a link that stays down has no carrier, and announces nothing"));
    }
    let (from, to) = ends.of(&record)?;
    match mover.send(&Job { selector: &selector, wish: &wish, from, to })? {
        Outcome::Moved(done) => tell(&mut record, *done),
        Outcome::Planned { link, name, steps, lost } => {
            record.set("link", link);
            record.set("name", name);
            record.set("steps", steps);
            record.set("lost", lost);
        }
    }
    Ok(record)
}

fn tell(record: &mut Record, Moved { origin, link, changed, undo, lost }: Moved) {
    record.set("link", origin);
    record.set("name", link.name);
    record.set("ifindex", link.ifindex);
    record.set("mac", link.mac);
    record.set("changed", changed);
    record.set("lost", lost);
    record.set("undo", undo);
}

/// The link to move and the name that it gets: the operands, or the record's `link` and `name`.
fn names(record: &Record, args: &Args) -> Result<(Selector, Option<NewName>)> {
    if let Some(link) = &args.link {
        return Ok((link.clone(), args.newname.clone()));
    }
    let link =
        record.text("link")?.ok_or_else(|| Error::failed("no link named: give LINK, or \"link\" in the record"))?;
    Ok((link.parse()?, record.text("name")?.map(str::parse).transpose()?))
}

fn steps(record: &Record) -> String {
    let steps = record.get("steps").and_then(|steps| steps.as_array()).map(Vec::as_slice).unwrap_or_default();
    let steps: Vec<_> = steps.iter().filter_map(|step| step.as_str()).collect();
    if steps.is_empty() { "nothing to do".to_owned() } else { steps.join("; ") }
}
