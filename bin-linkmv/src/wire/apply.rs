//! Makes everything as the plan says: what is missing is added, and what differs is changed in place.

use std::time::Instant;

use nicon_core::filter::output::report;
use nicon_core::filter::stream::Answers;
use nicon_core::{Error, Result, Status};

use crate::batch::{self, Batch};
use crate::record::act::Act;
use crate::record::columns::THERE;
use crate::record::naming::named;
use crate::record::program::WIRE;
use crate::wire::actors::{Actors, Mode};
use crate::wire::check::{Compared, compare};
use crate::wire::context::Context;
use crate::wire::in_the_way;
use crate::wire::input::Input;
use crate::wire::removal::Removal;
use crate::wire::surplus::Surplus;
use crate::wire::unit::Unit;
use crate::wire::usable;
use crate::wire::wanted::Wanted;

/// Carries out all records, each on its own or all or none.
///
/// # Errors
/// What ends the whole run.
pub(crate) fn apply(input: Input, context: &Context<'_>) -> Result<Status> {
    let Context { args, namespaces, interrupt, .. } = *context;
    let all_or_nothing = !input.is_each();
    let mut answers = Answers::new(WIRE, args.format.view(THERE))?;
    let plans: Vec<&str> = input.plans.keys().map(String::as_str).collect();
    let _held = context.hold(&plans)?;
    if args.prune && !prune(&input, context, &mut answers)? {
        return answers.finish();
    }
    let options = batch::Options { program: WIRE, fail_fast: false, all_or_nothing };
    let mut batch = Batch::new(options, answers, interrupt, namespaces);
    if context.readiness().is_asked() {
        batch = batch.holding();
    }
    let mode = if all_or_nothing { Mode::All } else { Mode::Each };
    let mut actors = Actors::new(context, mode, input.is_planned())?;
    tell_what_cannot_be_kept(&input.units, context);
    let is_meant = input.is_meant() || !input.faults.is_empty();
    if all_or_nothing && let Err(error) = input.check_whole() {
        batch.fail(None, None, error)?;
    }
    for (line, record, error) in input.faults.into_iter().chain(input.halves) {
        batch.fail(Some(line), record, error)?;
    }
    for (line, record) in input.others {
        batch.pass(Some(line), record)?;
    }
    if !is_meant {
        batch.fail(None, None, Error::no("no record on standard input asks for a link: nothing to do"))?;
    }
    for at in 0..input.units.len() {
        one(&mut batch, &mut actors, (&input.units, at), context)?;
    }
    if context.readiness().is_asked() {
        let begun = Instant::now();
        batch.check(|record| usable::wait_for(record, begun, context))?;
    }
    batch.finish(Ok(()))
}

/// Says so if links are moved or changed for a plan, and nothing will remember how they were before.
pub(crate) fn tell_what_cannot_be_kept<'u>(units: impl IntoIterator<Item = &'u Unit>, context: &Context<'_>) {
    if context.journals.directory().is_none()
        && units.into_iter().any(|unit| unit.act == Act::Link && unit.is_planned())
    {
        report(
            WIRE,
            &Error::failed(
                "nothing can be kept below /run or in XDG_RUNTIME_DIR: --destroy will not know how links were that are moved or changed now",
            ),
        );
    }
}

/// Removes what the plan does not ask for any more. Returns whether the run goes on.
fn prune(input: &Input, context: &Context<'_>, answers: &mut Answers) -> Result<bool> {
    let plans = input.plan_names()?;
    input.check_prunable()?;
    if let Some((line, record, error)) = input.faults.first() {
        answers.give(None, Err(named(error.clone(), Some(*line), record.as_slice())))?;
        return Ok(false);
    }
    let wanted = Wanted::of(&input.units, context.namespaces)?;
    let removal = Removal::new(context);
    let surplus = removal.find(&plans, &wanted)?;
    let hopeless = if surplus.is_empty() { None } else { find_hopeless(input, &surplus, context)? };
    if let Some(error) = hopeless {
        answers.give(None, Err(error))?;
        return Ok(false);
    }
    removal.remove(surplus, &wanted, &mut |answer| answers.give(None, answer))
}

/// Something that cannot be done, whatever is removed or done before: then all that is done is taken back, but what was removed is
/// not made again.
fn find_hopeless(input: &Input, surplus: &Surplus, context: &Context<'_>) -> Result<Option<Error>> {
    let all = compare(input, context)?;
    let changing = all.iter().filter(|Compared { differing, .. }| differing.as_ref().is_ok_and(|all| !all.is_empty()));
    let mut places = surplus.places()?;
    places.extend(changing.flat_map(|Compared { unit, .. }| unit.places(context.namespaces)).flatten());
    let is_changing = |place: Option<u64>| place.is_none_or(|place| places.contains(&place));
    let failing = all.into_iter().filter_map(|Compared { unit, differing }| Some((unit, differing.err()?)));
    // What is out of some range may not be when others are changed.
    let failing = failing.filter(|(_, error)| error.status() == Status::No);
    let hopeless = failing.into_iter().find(|(unit, _)| !unit.places(context.namespaces).any(is_changing));
    Ok(hopeless.map(|(unit, error)| unit.named(error)))
}

/// Does one of the units.
fn one(
    batch: &mut Batch<'_>,
    actors: &mut Actors<'_>,
    (units, at): (&[Unit], usize),
    context: &Context<'_>,
) -> Result<()> {
    let unit = &units[at];
    let mut records = unit.records.iter().cloned();
    if batch.is_stopped() {
        return records.try_for_each(|(line, record)| batch.skip(Some(line), record));
    }
    match actors.act(unit) {
        Ok((done, remainder)) => {
            let mut lines = records.zip(done).zip(remainder.for_records());
            lines.try_for_each(|(((line, before), record), left)| batch.done(Some(line), before, record, left))
        }
        Err(error) => {
            let others = units[..at].iter().chain(&units[at + 1..]);
            let error = in_the_way::with_way_out(error, unit, others, context);
            batch.fail(unit.last_line(), records.map(|(_, record)| record), error)
        }
    }
}
