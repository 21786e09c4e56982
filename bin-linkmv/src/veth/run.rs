//! The run: two processes in, a pair between them, two records out.

use nicon_core::filter::stream::{Answers, Lines, View};
use nicon_core::filter::table::Column;
use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::fields::{CHANGED, IFINDEX, MAC, NAME, RECORDS, TARGET};
use nicon_rtnl::{Link, Place};
use serde_json::json;

use crate::args::Args;
use crate::end::End;
use crate::pair::{Made, make};

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-veth";

const COLUMNS: &[Column] = &[TARGET, NAME, IFINDEX, MAC, CHANGED];

/// Makes the pairs that the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a pair that cannot be made does not.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let mut answers = Answers::new(PROGRAM, View::choose(args.json, COLUMNS))?;
    let home = Place::home()?;
    match args.ends() {
        Some(ends) => give(&mut answers, None, wire(two_records(args)?, &ends, &home))?,
        None => many(&mut answers, &home)?,
    }
    answers.finish()
}

/// The two records that one pair is made of: what --target names first, then standard input. All of it is read before
/// anything is done: a third record, or a missing one, means that what was asked for is not what came.
fn two_records(args: &Args) -> Result<[Record; 2]> {
    let mut records: Vec<Record> = args.targets.iter().map(Record::from).collect();
    if records.len() < 2 {
        for line in Lines::stdin("give --target PID twice")? {
            let line = line?;
            let record = line.record(RECORDS);
            records.push(record.map_err(|error| error.prefix(format!("line {}", line.number)))?);
        }
    }
    if records.is_empty() {
        return Err(Error::no("no record on standard input: no pair was made"));
    }
    let count = records.len();
    records
        .try_into()
        .map_err(|_| Error::failed(format!("2 ends needed, {count} given: pipe in two records, or repeat --target")))
}

/// Makes many pairs. Which two records belong together is never guessed from their order: one that is missing, because
/// its container is, would shift all others and wire the wrong ones.
fn many(answers: &mut Answers, home: &Place) -> Result<()> {
    let mut waiting: Vec<(u64, String, Record)> = Vec::new();
    for line in Lines::stdin("name both ends and give --target PID twice")? {
        let line = line?;
        let record = line.record(RECORDS);
        let record = record.and_then(|record| match record.text("pair")? {
            Some(pair) => Ok((pair.to_owned(), record)),
            None => Err(Error::failed("give NAME and PEER, or \"pair\" in each record")),
        });
        let (pair, record) = match record {
            Ok(named) => named,
            Err(error) => {
                answers.give(Some(line.number), Err(error))?;
                continue;
            }
        };
        if let Some(position) = waiting.iter().position(|(_, other, _)| *other == pair) {
            let (_, _, first) = waiting.remove(position);
            give(answers, Some(line.number), wire_as_told([first, record], home))?;
        } else {
            waiting.push((line.number, pair, record));
        }
    }
    for (number, pair, _) in waiting {
        answers.give(Some(number), Err(Error::failed(format!("pair \"{pair}\" has no other end"))))?;
    }
    Ok(())
}

fn wire_as_told(records: [Record; 2], home: &Place) -> Result<[Record; 2]> {
    let ends = [End::try_from(&records[0])?, End::try_from(&records[1])?];
    wire(records, &ends, home)
}

fn wire(records: [Record; 2], ends: &[End; 2], home: &Place) -> Result<[Record; 2]> {
    let places = [Place::of_record(&records[0], home)?, Place::of_record(&records[1], home)?];
    let Made { links, changed } = make([&places[0], &places[1]], ends)?;
    let [mut first, mut second] = records;
    tell(&mut first, &links[0], (&links[1], &places[1]), changed);
    tell(&mut second, &links[1], (&links[0], &places[0]), changed);
    Ok([first, second])
}

fn tell(record: &mut Record, link: &Link, (peer, place): (&Link, &Place), changed: bool) {
    record.set("name", &link.name);
    record.set("ifindex", link.ifindex);
    record.set("mac", &link.mac);
    record.set("mtu", link.mtu);
    record.set(
        "peer",
        json!({ "name": peer.name, "ifindex": peer.ifindex, "netns": place.ns.id().ino, "target": place.label }),
    );
    record.set("changed", changed);
}

fn give(answers: &mut Answers, line: Option<u64>, made: Result<[Record; 2]>) -> Result<()> {
    match made {
        Ok(records) => records.into_iter().try_for_each(|record| answers.give(line, Ok(record))),
        Err(error) => answers.give(line, Err(error)),
    }
}
