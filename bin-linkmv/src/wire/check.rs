//! Compares what is there with the plan.

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::stream::{Answers, View};
use nicon_core::filter::table::Column;
use nicon_core::record::cell;
use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::record::TARGET;

use crate::link::journal::Journals;
use crate::link::namespaces::Namespaces;
use crate::record::program::WIRE;
use crate::record::steps::{self, STEPS};
use crate::wire::actors::Actors;
use crate::wire::args::Args;
use crate::wire::input::Input;
use crate::wire::surplus;
use crate::wire::wanted::Wanted;

const COLUMNS: &[Column] = &[TARGET, Column { title: "NAME", cell: name }, steps::COLUMN];

/// Prints a record for each link that differs, with the steps that a run would take. Nothing is changed.
///
/// # Errors
/// What ends the whole run.
pub(crate) fn check(input: Input, args: &Args, namespaces: &Namespaces, interrupt: &Interrupt) -> Result<Status> {
    let mut answers = Answers::new(WIRE, View::choose(args.json, COLUMNS))?;
    let mut differs = false;
    input.check_whole()?;
    let mut give = |answers: &mut Answers, record: Record| {
        differs = true;
        answers.give(None, Ok(record))
    };
    if !input.plans.is_empty() && !input.is_each() && input.faults.is_empty() {
        let journals = Journals::read_only(WIRE, interrupt)?;
        let wanted = Wanted::of(&input.units, namespaces)?;
        let surplus = surplus::find(&input.plan_names()?, &wanted, (namespaces, &journals))?;
        for record in surplus.records(&wanted) {
            give(&mut answers, record)?;
        }
        for error in surplus.unknown {
            answers.give(None, Err(error))?;
        }
    }
    let mut actors = Actors::new(args, (true, false), namespaces, interrupt)?;
    for (line, _, error) in input.faults {
        answers.give(Some(line), Err(error))?;
    }
    if input.units.is_empty() {
        answers.give(None, Err(Error::no("no record on standard input asks for a link: nothing to compare")))?;
    }
    for unit in &input.units {
        interrupt.check()?;
        match actors.act(unit) {
            Ok((records, _)) => {
                for ((_, record), planned) in
                    unit.records.iter().zip(records).filter(|(_, planned)| steps::are_left(planned))
                {
                    let mut record = record.clone();
                    record.set(STEPS, planned.get(STEPS));
                    give(&mut answers, record)?;
                }
            }
            Err(error) => answers.give(unit.records.last().map(|(line, _)| *line), Err(error))?,
        }
    }
    let status = answers.finish()?;
    Ok(if differs { status.max(Status::No) } else { status })
}

/// The name of the link that is asked for, or that is there.
fn name(record: &Record) -> String {
    let there = record.get("nic").and_then(|nic| nic.get("name"));
    cell(record.get("name").or(there))
}
