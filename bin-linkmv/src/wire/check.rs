//! Compares what is there with the plan.

use std::collections::HashSet;

use nicon_core::filter::column::Column;
use nicon_core::filter::stream::Answers;
use nicon_core::record::cell;
use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::record::TARGET;
use serde_json::json;

use crate::record::columns;
use crate::record::naming::named;
use crate::record::program::WIRE;
use crate::record::steps::{self, STEPS};
use crate::wire::actors::{Actors, Mode};
use crate::wire::context::Context;
use crate::wire::in_the_way;
use crate::wire::input::{Fault, Input};
use crate::wire::left;
use crate::wire::surplus;
use crate::wire::unit::{self, Unit};
use crate::wire::wanted::Wanted;

const COLUMNS: &[Column] = &[TARGET, Column::new("NAME", name), columns::STEPS];

/// Prints a record for each link that differs, with the steps that a run would take. Nothing is changed.
///
/// # Errors
/// What ends the whole run.
pub(crate) fn check(input: Input, context: &Context<'_>) -> Result<Status> {
    let mut answers = Answers::new(WIRE, context.args.format.view(COLUMNS))?;
    if context.args.prune {
        input.plan_names()?;
        input.check_prunable()?;
    }
    input.check_whole()?;
    let mut found = Vec::new();
    if context.args.prune {
        found.extend(surplus(&input, context)?);
    }
    for Compared { unit, differing } in compare(&input, context)? {
        match differing {
            Ok(records) => found.extend(records.into_iter().map(|(line, record)| (Some(line), Ok(record)))),
            Err(error) => {
                let others = input.units.iter().filter(|other| !std::ptr::eq(*other, unit));
                if context.args.prune && in_the_way::is_why(&error, unit, others.clone(), context) {
                    found.extend(unit.records.iter().map(|(line, record)| (Some(*line), Ok(in_its_place(record)))));
                    continue;
                }
                let error = in_the_way::with_way_out(error, unit, others, context);
                found.push((unit.last_line(), Err(unit.named(error))));
            }
        }
    }
    let (is_meant, whole) = (input.is_meant(), input.whole_plans());
    let fault = |(line, record, error): Fault| (Some(line), Err(named(error, Some(line), record.as_slice())));
    found.extend(input.faults.into_iter().map(fault));
    if !is_meant {
        let nothing = Error::no("no record on standard input asks for a link: nothing to compare");
        found.push((None, Err(nothing)));
    }
    found.sort_by_key(|(line, _)| *line);
    // What is missing of halves was told, and differs.
    let differs = !input.halves.is_empty() || found.iter().any(|(_, found)| found.is_ok());
    found.into_iter().try_for_each(|(_, found)| answers.give(None, found))?;
    let status = answers.finish()?;
    left::tell(&whole, &input.units, context);
    Ok(if differs { status.max(Status::No) } else { status })
}

/// What a run does where pruning makes room for it.
fn in_its_place(record: &Record) -> Record {
    let mut record = record.clone();
    record.set(STEPS, [format!("make {} in the place of what is removed", name(&record))]);
    record
}

/// A record that tells of a difference, or why there may be one, and the number of its line.
type Finding = (Option<u64>, Result<Record>);

/// What would be removed. If some of the records may be missing, that is not known.
fn surplus(input: &Input, context: &Context<'_>) -> Result<Vec<Finding>> {
    if !input.faults.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = Wanted::of(&input.units, context.namespaces)?;
    let mut surplus = surplus::find(&input.plan_names()?, &wanted, context)?;
    let records = surplus.records(&wanted).into_iter().map(Ok);
    Ok(records.chain(surplus.take_doubts().map(Err)).map(|found| (None, found)).collect())
}

/// How a unit is, compared with what is asked for.
pub(super) struct Compared<'i> {
    pub(super) unit: &'i Unit,
    /// What is missing, or differs, by the lines of its records; or why it cannot be as it is asked for.
    pub(super) differing: Result<Vec<(u64, Record)>>,
}

/// Compares each unit with what is there.
///
/// # Errors
/// If the run is interrupted, or our own network namespace cannot be opened again.
pub(super) fn compare<'i>(input: &'i Input, context: &Context<'_>) -> Result<Vec<Compared<'i>>> {
    let mut actors = Actors::new(context, Mode::Look, input.is_planned())?;
    let (mut all, mut to_come) = (Vec::new(), HashSet::new());
    for unit in &input.units {
        context.interrupt.check()?;
        let steps = match unit.needs().find(|need| to_come.contains(need)) {
            Some((place, name)) => Ok(vec![json!([format!("make it when {name} is in {place}")]); unit.records.len()]),
            None => actors.act(unit).map(|(planned, _)| planned.iter().map(steps::of).collect()),
        };
        let differing = steps.map(|steps| {
            let records = unit.records.iter().zip(steps).filter(|(_, steps)| *steps != json!([]));
            let with_steps = |((line, record), steps): (&(u64, Record), _)| {
                to_come.extend(unit::made(record));
                let mut record = record.clone();
                record.set(STEPS, steps);
                (*line, record)
            };
            records.map(with_steps).collect()
        });
        all.push(Compared { unit, differing });
    }
    Ok(all)
}

/// The name of the link that is asked for, or that is there.
fn name(record: &Record) -> String {
    let there = record.get("nic").and_then(|nic| nic.get("name"));
    cell(record.get("name").or(there))
}
