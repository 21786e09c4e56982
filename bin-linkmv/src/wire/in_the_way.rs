//! What is in the way of a unit, and is of the same plan: a link that the plan asked for before, or an end of a pair whose other end went
//! with its container, and which the kernel has not removed yet.

use nicon_core::{Error, Record, Result, Status};

use crate::link::mark::{Mark, Tie};
use crate::linkadd::existing::is_in_the_way;
use crate::record::act::Act;
use crate::wire::context::Context;
use crate::wire::marked::{Found, MarkedLink};
use crate::wire::removal::Removal;
use crate::wire::unit::{Unit, is_each};
use crate::wire::wanted::Wanted;

/// Removes what is in the way of a unit, and returns whether there was anything. What one of the `others` asks for stays: two paths
/// may lead to the same container, if only until it is told that one of them does not any more.
///
/// # Errors
/// If it cannot be removed, or others have stacked something on it.
pub(crate) fn remove<'u>(
    unit: &Unit,
    others: impl Iterator<Item = &'u Unit>,
    context: &Context<'_>,
    removal: &Removal<'_>,
) -> Result<bool> {
    let found = find(unit, others, context)?;
    if found.links.is_empty() {
        return Ok(false);
    }
    let wanted = Wanted::of(std::slice::from_ref(unit), context.namespaces)?;
    for link in &found.links {
        removal.delete(link, &wanted, &found)?;
    }
    Ok(true)
}

/// Why a unit could not be done, and that pruning makes room for it if it does. What one of the `others` asks for stays.
pub(crate) fn with_way_out<'u>(
    error: Error,
    unit: &Unit,
    others: impl Iterator<Item = &'u Unit>,
    context: &Context<'_>,
) -> Error {
    if context.args.prune || !is_why(&error, unit, others, context) {
        return error;
    }
    // Of a plan whose links are each for itself, it is not known what it does not ask for.
    let whole = if unit.records.iter().any(|(_, record)| is_each(record)) { " without --each" } else { "" };
    error.suffix(&format!(": the plan made it, and does not ask for it any more (--prune{whole} replaces it)"))
}

/// Whether something that is in the way may be why a unit could not be done.
pub(crate) fn is_why<'u>(
    error: &Error,
    unit: &Unit,
    others: impl Iterator<Item = &'u Unit>,
    context: &Context<'_>,
) -> bool {
    error.status() == Status::No && find(unit, others, context).is_ok_and(|found| !found.links.is_empty())
}

/// Finds it. What one of the `others` asks for is not in the way.
///
/// # Errors
/// If a namespace must not be entered.
fn find<'u>(unit: &Unit, others: impl Iterator<Item = &'u Unit>, context: &Context<'_>) -> Result<Found> {
    let mut found = Found { links: Vec::new(), namespaces: Vec::new(), doubt: None };
    if unit.act == Act::Link {
        return Ok(found);
    }
    let wanted = Wanted::of(std::slice::from_ref(unit), context.namespaces)?;
    for (_, record) in &unit.records {
        let there = marked(record, context)?;
        found.namespaces.push(context.namespaces.of_record(record)?);
        if let Some(there) = there
            && is_another(unit, record, &there, &wanted, context)?
        {
            found.links.push(there);
        }
    }
    if !found.links.is_empty() {
        let others = Wanted::of_complete(others, context.namespaces)?;
        let mut free = Vec::new();
        for link in found.links {
            if !others.has(&link, &context.namespaces.home)? {
                free.push(link);
            }
        }
        found.links = free;
    }
    Ok(found)
}

/// The link that has the name of what a record asks for, if it was made for the same plan.
fn marked(record: &Record, context: &Context<'_>) -> Result<Option<MarkedLink>> {
    let Some(asked) = Mark::of(record)? else { return Ok(None) };
    let netns = context.namespaces.of_record(record)?;
    let link = netns.netlink.link(&asked.name)?;
    let mark = link.as_ref().and_then(|link| Mark::on(link, &asked.plan)).filter(|mark| mark.tie == Tie::Made);
    Ok(link.zip(mark).map(|(link, mark)| MarkedLink { netns, link, mark }))
}

fn is_another(
    unit: &Unit,
    record: &Record,
    there: &MarkedLink,
    wanted: &Wanted,
    context: &Context<'_>,
) -> Result<bool> {
    let home = &context.namespaces.home;
    match unit.act {
        Act::Kind => is_in_the_way(record, (&there.link, &there.netns), home),
        _ => wanted.has(there, home).map(|is_it| !is_it),
    }
}
