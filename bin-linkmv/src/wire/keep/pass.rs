//! A pass over a plan: what has news, and what failed before, is done, each unit on its own.

use std::collections::HashSet;

use nicon_core::{ErrorKind, Record, Result, Status};

use super::ended;
use super::look::look;
use super::plan::{KeptPlan, KeptUnit};
use super::told::Output;
use crate::link::ending::{Ending, Remainder};
use crate::record::act::Act;
use crate::record::deed;
use crate::wire::actors::{Actors, Mode};
use crate::wire::apply::tell_what_cannot_be_kept;
use crate::wire::context::Context;
use crate::wire::in_the_way;
use crate::wire::removal::Removal;
use crate::wire::unit::{Place, Unit, made};
use crate::wire::usable::Awaited;
use crate::wire::wanted::Wanted;

/// Does what there is to do for a plan. A signal ends it between two units.
///
/// # Errors
/// If the reader of standard output has left, or another run keeps the plan.
pub(crate) fn pass(plan: &mut KeptPlan, context: &Context<'_>, output: &mut Output) -> Result<()> {
    if plan.lack().is_some() || !plan.has_work() {
        return Ok(());
    }
    if plan.held.is_empty() {
        match context.keep(&plan.name) {
            Ok(held) => plan.held = held,
            Err(error) if error.errno() == Some(nix::libc::ENOSPC) => {
                return plan.told.tell(error, output);
            }
            Err(error) => return Err(error),
        }
    }
    let is_new = plan.is_new();
    let name = plan.name.clone();
    let (units, faults) = plan.units();
    for (number, error) in faults {
        output.tell(error.prefix(format!("record {number} of plan {name}")))?;
    }
    if is_new {
        let all = units.iter().flat_map(|kept| &kept.unit.records);
        output.expect(all.map(|(_, record)| record));
        tell_what_cannot_be_kept(units.iter().map(|kept| &kept.unit), context);
    }
    let due =
        units.iter().filter(|kept| kept.is_to_be_tried() && !kept.unit.is_away()).flat_map(|kept| &kept.unit.records);
    context.namespaces.open_all(due.map(|(_, record)| record))?;
    let is_all_known = !units.iter().any(|kept| kept.unit.is_unknown());
    if !plan.is_pruned || plan.is_pruned_vaguely && is_all_known {
        prune(plan, context, output)?;
    }
    let (units, _) = plan.units();
    let (actors, removal) = (Actors::new(context, Mode::Each, true)?, Removal::at_once(context));
    let mut pass = Pass { context, output, actors, removal, remade: HashSet::new(), has_moved: false };
    for at in 0..units.len() {
        if context.interrupt.signal().is_some() {
            return Ok(());
        }
        pass.visit(units, at)?;
    }
    if pass.has_moved {
        let moves = units.iter().filter(|kept| kept.unit.act == Act::Link).count();
        if let Err(error) = ended::forget(&name, moves, context) {
            plan.told.tell(error, output)?;
        }
    }
    look(plan, context, output)
}

/// Removes what a plan has and does not ask for.
fn prune(plan: &mut KeptPlan, context: &Context<'_>, output: &mut Output) -> Result<()> {
    let name = plan.name.clone();
    let (units, _) = plan.units();
    let wanted = Wanted::of_present(units.iter().map(|kept| &kept.unit), context.namespaces);
    let told = &mut plan.told;
    let mut give = |removed: Result<Record>| match removed {
        Ok(record) => output.give(record),
        Err(error) => told.tell(error, output),
    };
    let removal = Removal::at_once(context);
    let remove = |wanted: Wanted| {
        let surplus = removal.find(&[&name], &wanted)?;
        Ok((removal.remove(surplus, &wanted, &mut give)?, wanted.is_vague()))
    };
    plan.is_pruned = false;
    match wanted.and_then(remove) {
        Ok((true, is_vague)) => {
            (plan.is_pruned, plan.is_pruned_vaguely) = (true, is_vague);
            plan.told.mend(|| format!("plan {name}"));
            Ok(())
        }
        Ok((false, _)) => Ok(()),
        Err(error) => plan.told.tell(error, output),
    }
}

struct Pass<'p, 'a> {
    context: &'a Context<'a>,
    output: &'p mut Output,
    actors: Actors<'a>,
    removal: Removal<'a>,
    /// The links that were made or changed in this pass: what needs them needs to be looked at.
    remade: HashSet<Place>,
    /// Whether links were moved, or changed where they are, of which it is kept how they were.
    has_moved: bool,
}

impl Pass<'_, '_> {
    /// Does what one of the units asks for, if it is time for that.
    fn visit(&mut self, units: &mut [KeptUnit], at: usize) -> Result<()> {
        let (before, rest) = units.split_at_mut(at);
        let Some((kept, behind)) = rest.split_first_mut() else { return Ok(()) };
        let others = || before.iter().chain(&*behind).map(|other| &other.unit);
        if kept.unit.is_away() {
            (kept.is_due, kept.has_failed, kept.awaited) = (false, false, None);
            kept.told.forget();
            return Ok(());
        }
        let needs_it = || !self.remade.is_empty() && kept.unit.needs().any(|need| self.remade.contains(&need));
        if !kept.is_to_be_tried() && !needs_it() {
            return Ok(());
        }
        kept.is_due = false;
        let done = self.act(&kept.unit, others());
        let awaited = match &done {
            Ok((records, _)) => Awaited::of(records, self.context),
            Err(_) => None,
        };
        let done = done.and_then(|done| self.give(done));
        kept.has_failed = done.is_err();
        match done {
            Ok(is_changed) => {
                if is_changed {
                    self.has_moved |= kept.unit.act == Act::Link;
                    self.remade.extend(kept.unit.records.iter().flat_map(|(_, record)| made(record)));
                }
                // What was late already gets no more time, unless it is another link.
                let before = kept.awaited.take().filter(|_| !is_changed);
                kept.awaited = awaited.map(|awaited| awaited.since(before));
                if kept.awaited.is_none() {
                    kept.told.mend(|| kept.unit.words());
                }
            }
            Err(error) => {
                kept.awaited = None;
                if error.kind() == ErrorKind::OutputClosed || !kept.has_ended(self.context.namespaces) {
                    kept.told.tell(error.prefix(kept.unit.words()), self.output)?;
                }
            }
        }
        Ok(())
    }

    /// Does it, if need be in the place of what is in the way.
    fn act<'u>(&mut self, unit: &Unit, others: impl Iterator<Item = &'u Unit>) -> Result<(Vec<Record>, Remainder)> {
        let error = match self.actors.act(unit) {
            Err(error) => error,
            acted => return acted,
        };
        match in_the_way::remove(unit, others, self.context, &self.removal) {
            Ok(true) => self.actors.act(unit),
            // What was in the way may have gone by itself meanwhile.
            Ok(false) if error.status() == Status::No => self.actors.act(unit),
            Err(failure) if failure.status() != Status::No => Err(failure),
            _ => Err(error),
        }
    }

    /// Prints what was done, and returns whether anything was changed. Until a move's record is printed it is not at its end: the
    /// next try tells it again.
    fn give(&mut self, (records, remainder): (Vec<Record>, Remainder)) -> Result<bool> {
        let is_changed = records.iter().any(deed::is_changed);
        records.into_iter().try_for_each(|record| self.output.give(record))?;
        remainder.ending.into_iter().for_each(Ending::end);
        Ok(is_changed)
    }
}
