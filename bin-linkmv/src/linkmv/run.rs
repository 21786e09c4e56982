//! The run: records in, the moves that they ask for, records out.

use nicon_core::link::{NewName, Selector};
use nicon_core::stream::{Answers, Lines, View};
use nicon_core::table::Column;
use nicon_core::{Error, Record, Result, Status};
use nicon_linkmv::fields::label;
use nicon_linkmv::{Place, block_on};

use crate::args::Args;
use crate::batch::{Batch, Next};
use crate::guard::Guard;
use crate::lost;
use crate::mover::{Job, Moved, Mover, Outcome};
use crate::source::Source;
use crate::undoing::undo;
use crate::wish;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-linkmv";

const COLUMNS: &[Column] = &[
    Column { title: "TARGET", cell: label },
    Column { title: "LINK", cell: |record| record.cell("link") },
    Column { title: "NAME", cell: |record| record.cell("name") },
    Column { title: "IFINDEX", cell: |record| record.cell("ifindex") },
    Column { title: "MAC", cell: |record| record.cell("mac") },
    Column { title: "CHANGED", cell: |record| record.cell("changed") },
    Column { title: "LOST", cell: lost::cell },
];

const PLAN: &[Column] = &[
    Column { title: "TARGET", cell: label },
    Column { title: "LINK", cell: |record| record.cell("link") },
    Column { title: "LOST", cell: lost::cell },
    Column { title: "STEPS", cell: steps },
];

/// Moves what the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a link that cannot be moved does not.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let columns = if args.dry_run { PLAN } else { COLUMNS };
    let mut answers = Answers::new(PROGRAM, View::choose(args.json, columns))?;
    block_on(async {
        let here = Place::home()?;
        let from = Source::new(match &args.from {
            Some(from) => Place::of_record(&Record::from(from), &here)?,
            None => Place::home()?,
        });
        let mover = Mover {
            home: &here,
            guard: (!args.force).then(Guard::default),
            wait: args.wait,
            announce: args.announce,
            dry_run: args.dry_run,
        };
        let mut batch = Batch::new(args);
        if let Some(target) = &args.target {
            let answer = answer(Record::from(target), args, &mover, &from).await;
            batch.take(&mut answers, None, answer)?;
        } else {
            for line in Lines::stdin("name a link and give --target PID")? {
                let line = line?;
                let answer = match line.text.and_then(|text| Record::parse(&text)) {
                    Ok(record) if args.undo => undo(record, &here).await,
                    Ok(record) => answer(record, args, &mover, &from).await,
                    Err(error) => Err(error),
                };
                if let Next::Stop = batch.take(&mut answers, Some(line.number), answer)? {
                    break;
                }
            }
        }
        batch.finish(&mut answers, async |record| undo(record, &here).await).await?;
        answers.finish()
    })
}

async fn answer(mut record: Record, args: &Args, mover: &Mover<'_>, from: &Source) -> Result<Record> {
    let (selector, name) = names(&record, args)?;
    let wish = wish::read(&record, name, &args.attributes)?;
    if (mover.announce || mover.wait.is_some()) && !wish.up {
        return Err(Error::failed("field \"up\": a link that stays down has no carrier, and announces nothing"));
    }
    let told = match record.get("from").filter(|_| args.from.is_none()) {
        Some(from) => Some(Source::new(Place::of_field("from", from, mover.home)?)),
        None => None,
    };
    let from = told.as_ref().unwrap_or(from);
    let to = Place::of_record(&record, mover.home)?;
    differ(&from.place, &to, mover.home)?;
    match mover.send(&Job { selector: &selector, wish: &wish, from, to: &to }).await? {
        Outcome::Moved(done) => tell(&mut record, *done),
        Outcome::Planned { link, steps, lost } => {
            record.set("link", &link.name);
            record.set("name", wish.name.as_ref().map_or(link.name.as_str(), NewName::as_str));
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

/// A PID that was given to another process may lead back to where the link is.
fn differ(from: &Place, to: &Place, home: &Place) -> Result<()> {
    if !to.is(from) {
        return Ok(());
    }
    let place = if from.is(home) {
        "our own network namespace (does it run with --network=host?)".to_owned()
    } else {
        format!("the same network namespace as {}", from.label)
    };
    Err(Error::failed(format!("{} is in {place}: nothing to move", to.label)))
}

/// The link to move and the name that it gets: the operands, or the record's `link` and `name`.
fn names(record: &Record, args: &Args) -> Result<(Selector, Option<NewName>)> {
    if let Some(link) = &args.link {
        return Ok((link.clone(), args.newname.clone()));
    }
    let link = record.text("link")?.ok_or_else(|| Error::failed("neither LINK nor a \"link\" in the record"))?;
    Ok((link.parse()?, record.text("name")?.map(str::parse).transpose()?))
}

fn steps(record: &Record) -> String {
    let steps = record.get("steps").and_then(|steps| steps.as_array()).map(Vec::as_slice).unwrap_or_default();
    let steps: Vec<_> = steps.iter().filter_map(|step| step.as_str()).collect();
    if steps.is_empty() { "nothing to do".to_owned() } else { steps.join("; ") }
}
