//! The way back: the containers that things belong to.

use nicon_core::filter::open_files;
use nicon_core::filter::stream::{Answers, Line, Lines};
use nicon_core::{Error, Record, Result, Status};
use nicon_resolve::{Hit, Resolver, Thing};

use crate::cli::args::Args;
use crate::cli::labels::LabelWish;
use crate::cli::output;
use crate::cli::program::{PROGRAM, log};

/// The operand that stands for standard input.
const STDIN: &str = "-";

/// Something that was asked for, and the line of standard input that did.
type Asked = (Option<u64>, Result<Thing>);

/// Prints the containers to which what `--of` names belongs.
///
/// # Errors
/// If the whole run fails; what belongs to none does not end it.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let mut answers = Answers::new(PROGRAM, output::view(args))?;
    let resolver = Resolver::new(args.options(log))?;
    open_files::allow_many()?;
    let mut asked: Vec<Asked> = Vec::new();
    for text in &args.of {
        if text != STDIN {
            asked.push((None, Thing::parse(text)));
            continue;
        }
        let mut lines = Lines::stdin("name a process, a cgroup or a namespace")?;
        loop {
            let batch = lines.batch()?;
            if batch.is_empty() {
                break;
            }
            asked.extend(batch.into_iter().map(of_line));
        }
    }
    let outcome = answer(asked, &resolver, &args.into(), &mut answers);
    // The process is about to end, and all that the resolver holds with it.
    std::mem::forget(resolver);
    outcome?;
    answers.finish()
}

/// A line is one of these things, or a record of a process.
fn of_line(Line { number, text }: Line) -> Asked {
    let thing = text.and_then(|text| match text.trim() {
        record if record.starts_with('{') => Thing::of_record(&Record::parse(record)?),
        text => Thing::parse(text),
    });
    (Some(number), thing)
}

fn answer(asked: Vec<Asked>, resolver: &Resolver, labels: &LabelWish, answers: &mut Answers) -> Result<()> {
    let (mut lines, mut things) = (Vec::new(), Vec::new());
    for (line, thing) in asked {
        match thing {
            Ok(thing) => {
                lines.push(line);
                things.push(thing);
            }
            Err(error) => answers.give(line, Err(error))?,
        }
    }
    if things.is_empty() {
        return Ok(());
    }
    resolver.find_containers_of(&things, |number, found| {
        let (thing, line) = (number.map(|number| &things[number]), number.and_then(|number| lines[number]));
        let mut unknown = None;
        let record = found.and_then(|hit| {
            let mut record = record(thing, &hit)?;
            unknown = labels.add(&mut record, &hit).map(|why| Error::failed(why).prefix(hit.path()));
            Ok(record)
        });
        answers.give(line, record)?;
        unknown.map_or(Ok(()), |error| answers.give(line, Err(error)))
    })
}

fn record(of: Option<&Thing>, hit: &Hit) -> Result<Record> {
    let mut record = Record::default();
    record.set("target", hit.path());
    if let Some(thing) = of {
        record.set("of", thing.text());
    }
    output::fill(record, hit, false)
}
