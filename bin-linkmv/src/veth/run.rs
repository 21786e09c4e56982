//! The run: two processes in, a pair between them, two records out.

use nicon_core::filter::stream::{Answers, Lines, View};
use nicon_core::filter::table::Column;
use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::record::{IFINDEX, LinkFacts, MAC, NAME, NIC, RECORDS, TARGET};
use nicon_rtnl::{Link, NetnsHandle};
use serde_json::{Value, json};

use crate::record::act::Act;
use crate::record::deed::{self, Deed, PairUndo, PeerUndo};
use crate::record::failed;
use crate::record::passing::{Passing, is_passed_over};
use crate::record::program::VETH;
use crate::veth::args::Args;
use crate::veth::end::{End, FIELDS};
use crate::veth::pair::{Made, make};

const CHANGED: Column = Column { title: "CHANGED", cell: deed::changed };

const COLUMNS: &[Column] = &[TARGET, NAME, IFINDEX, MAC, CHANGED];

/// Makes the pairs that the command line or the records ask for.
///
/// # Errors
/// What ends the whole run; a pair that cannot be made does not.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let mut answers = Answers::new(VETH, View::choose(args.json, COLUMNS))?;
    let mut wiring = Wiring { home: NetnsHandle::home()?, last: [None, None] };
    match args.ends() {
        Some(ends) => {
            if let Some(mut records) = two_records(args, &mut answers)? {
                let wired = wiring.wire(&mut records, &ends);
                give(&mut answers, None, records, wired)?;
            }
        }
        None => many(&mut answers, &mut wiring)?,
    }
    answers.finish()
}

/// The two records of one pair: first what --target names, then standard input. All of it is read before anything is done: with
/// a third record, or a missing one, it is not clear what was meant.
fn two_records(args: &Args, answers: &mut Answers) -> Result<Option<[Record; 2]>> {
    let mut records: Vec<Record> = args.targets.iter().map(Record::from).collect();
    if records.len() < 2 {
        for line in Lines::stdin("give --target PID twice")? {
            let line = line?;
            let record = line.record(RECORDS);
            let record = record.map_err(|error| error.prefix(format!("line {}", line.number)))?;
            if is_passed_over(&record) {
                answers.give(Some(line.number), Ok(record))?;
            } else {
                records.push(record);
            }
        }
    }
    if records.is_empty() {
        return Err(Error::no("no record on standard input: no pair was made"));
    }
    match <[Record; 2]>::try_from(records) {
        Ok(records) => Ok(Some(records)),
        Err(records) => {
            let count = records.len();
            let why = format!("2 ends needed, {count} given: pipe in two records, or repeat --target");
            failed::give(answers, None, records, Error::failed(why))?;
            Ok(None)
        }
    }
}

/// Makes many pairs. Which two records belong together is never guessed from their order: one that is missing, because
/// its container is, would shift all others and wire the wrong ones.
fn many(answers: &mut Answers, wiring: &mut Wiring) -> Result<()> {
    let mut passing = Passing::default();
    let mut waiting: Vec<(u64, String, Record)> = Vec::new();
    for line in Lines::stdin("name both ends and give --target PID twice")? {
        let line = line?;
        let record = match line.record(RECORDS) {
            Ok(record) => record,
            Err(error) => {
                give_all(answers, passing.release())?;
                answers.give(Some(line.number), Err(error))?;
                continue;
            }
        };
        match pair_of(&record) {
            Ok(None) => give_all(answers, passing.pass(line.number, record))?,
            Ok(Some(pair)) => {
                give_all(answers, passing.release())?;
                if let Some(position) = waiting.iter().position(|(_, other, _)| *other == pair) {
                    let mut records = [waiting.remove(position).2, record];
                    let wired = wiring.wire_as_asked(&mut records);
                    give(answers, Some(line.number), records, wired)?;
                } else {
                    waiting.push((line.number, pair, record));
                }
            }
            Err(error) => {
                give_all(answers, passing.release())?;
                failed::give(answers, Some(line.number), [record], error)?;
            }
        }
    }
    for (number, pair, record) in waiting {
        let error = Error::failed(format!("pair \"{pair}\" has no other end"));
        failed::give(answers, Some(number), [record], error)?;
    }
    if passing.is_a_mistake() {
        let error = Error::failed("no record names a pair: give NAME and PEER, or \"pair\" in two records each");
        answers.give(None, Err(error))?;
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

/// The namespaces that are wired.
struct Wiring {
    home: NetnsHandle,
    /// Those of the last pair. The next pair often has the same ones, so what is open there is reused.
    last: [Option<NetnsHandle>; 2],
}

impl Wiring {
    /// Makes the pair that the records ask for.
    fn wire_as_asked(&mut self, records: &mut [Record; 2]) -> Result<()> {
        let ends = [End::try_from(&records[0])?, End::try_from(&records[1])?];
        self.wire(records, &ends)?;
        for record in records {
            record.remove_all(&FIELDS);
        }
        Ok(())
    }

    /// Makes a pair, and writes it down in the records of its ends. After an error these are as they were.
    fn wire(&mut self, records: &mut [Record; 2], ends: &[End; 2]) -> Result<()> {
        for record in &*records {
            Deed::all(record)?;
        }
        let [first, second] = &mut self.last;
        let first = first.insert(first.as_ref().unwrap_or(&self.home).open_record(&records[0])?);
        let second = second.insert(second.as_ref().unwrap_or(&self.home).open_record(&records[1])?);
        let id = Deed::new_id()?;
        let made = make([first, second], ends)?;
        write_down(&mut records[0], &id, &made, [(0, first), (1, second)]);
        write_down(&mut records[1], &id, &made, [(1, second), (0, first)]);
        Ok(())
    }
}

/// Adds one end's facts and deed to its record, given the index and namespace of this end and of the other.
fn write_down(record: &mut Record, id: &str, made: &Made, [(own, netns), (other, far)]: [(usize, &NetnsHandle); 2]) {
    let (link, peer) = (&made.links[own], &made.links[other]);
    let netns = netns.ns.id().ino;
    record.set(NIC, nic(link, netns, (peer, far)));
    let undo = made.inodes.map(|inodes| PairUndo {
        inode: inodes[own],
        peer: PeerUndo { netns: far.ns.id().ino, name: peer.name.clone(), ifindex: peer.ifindex, inode: inodes[other] },
    });
    let deed = Deed {
        id: Some(id.to_owned()),
        by: VETH.to_owned(),
        netns: Some(netns),
        link: None,
        name: link.name.clone(),
        ifindex: link.ifindex,
        changed: made.changed,
        lost: None,
        undo: serde_json::to_value(undo).expect("plain data"),
        mac: None,
    };
    deed.add_to(record);
}

fn nic(link: &Link, netns: u64, (peer, far): (&Link, &NetnsHandle)) -> Value {
    let mut nic = serde_json::to_value(LinkFacts::new(link, netns)).expect("plain data");
    nic["peer"] = json!({
        "name": peer.name, "ifindex": peer.ifindex, "netns": far.ns.id().ino, "target": far.label
    });
    nic
}

fn give(answers: &mut Answers, line: Option<u64>, records: [Record; 2], wired: Result<()>) -> Result<()> {
    match wired {
        Ok(()) => records.into_iter().try_for_each(|record| answers.give(line, Ok(record))),
        Err(error) => failed::give(answers, line, records, error),
    }
}

fn give_all(answers: &mut Answers, records: Vec<(u64, Record)>) -> Result<()> {
    records.into_iter().try_for_each(|(line, record)| answers.give(Some(line), Ok(record)))
}
