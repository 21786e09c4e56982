//! Recognises a link that an earlier run moved, by the marks that it left on the link.

use nicon_core::link::{NewName, Selector};
use nicon_core::{Error, Result};
use nicon_rtnl::Link;

use crate::linkmv::amend;
use crate::linkmv::check::master;
use crate::linkmv::dress::{Luggage, dress};
use crate::linkmv::find::{fits, marked};
use crate::linkmv::journal::Journal;
use crate::linkmv::lost::Lost;
use crate::linkmv::mark::{Origin, mark_of, origin_of};
use crate::linkmv::mover::{Job, Moved, Mover, Outcome};
use crate::linkmv::relocate::unmark;
use crate::linkmv::undo::Undo;

/// Finishes what an earlier run began, or finds that there is nothing left to do.
///
/// # Errors
/// If no link came from there. A move that cannot be completed is undone as far as its journal allows.
pub(crate) fn recognise(mover: &Mover, job: &Job<'_>) -> Result<Outcome> {
    let mut complete = None;
    for link in job.to.netlink.links(None)?.entries {
        let selected = fits(job.selector, &link);
        if let Some((mark, origin)) = mark_of(&link).filter(|(_, origin)| is_meant(job, &link, origin, selected)) {
            if mover.dry_run {
                return Ok(finish_later(job, &link, &origin));
            }
            let mut journal = Journal::open(mark)?;
            let undo = journal.left_behind().unwrap_or_else(|| Undo::of_nothing_but(&job.from.place, &origin.name));
            return match marked(mark, undo.inode(), job.to)? {
                Some(link) => finish(mover, job, &link, (mark, &origin), undo, journal),
                None if job.to.netlink.link(mark)?.is_some() => {
                    journal.begin(&undo)?;
                    Err(Error::no(format!(
                        "{} in {} is not {}, whose mark it carries",
                        link.name, job.to.label, origin.name
                    )))
                }
                // Another run of this command was at it, and has finished.
                None => recognise(mover, job),
            };
        }
        if let Some(origin) = origin_of(&link).filter(|origin| is_meant(job, &link, origin, selected)) {
            let wanted = job.wish.name.as_ref().map_or(link.name == origin.name, |name| name.fits(&link.name));
            complete = complete.or(wanted.then_some((link, origin)));
        }
    }
    let Some((link, origin)) = complete else { return Err(missing(job)?) };
    if mover.dry_run {
        return amend::plan(job, &link, &origin);
    }
    let changed = amend::amend(mover, job, &link, &origin)?;
    let now = job.to.netlink.link_at(link.ifindex)?;
    let undo = Undo::of_nothing_but(&job.from.place, &origin.name);
    let link = now.unwrap_or(*link);
    Ok(Outcome::Moved(Box::new(Moved { origin: origin.name, link, changed, undo, lost: None })))
}

/// Completes an interrupted move, or puts the link back.
fn finish(
    mover: &Mover,
    job: &Job<'_>,
    link: &Link,
    (mark, origin): (&str, &Origin),
    undo: Undo,
    mut journal: Journal,
) -> Result<Outcome> {
    let (from, wish) = (&job.from.place, job.wish);
    journal.begin(&undo)?;
    let (carry, settings) = undo.luggage(link.ifindex)?;
    let forfeit = undo.state.as_ref().map(|state| state.forfeit.clone()).unwrap_or_default();
    let lost = Lost::of(&carry, &settings, &forfeit, wish);
    let luggage = Luggage::pack(wish, &carry, settings, link.ifindex);
    let finished = || {
        dress(job, link, (origin, master(job)?), &luggage)?;
        mover.settle(job, link)
    };
    if let Err(failure) = finished() {
        // Without a journal the only evidence is on the link, and the target's root can forge it: the link is not let into
        // the namespace that it claims to have come from.
        if !undo.is_whole() {
            let (name, to) = (&link.name, &job.to.label);
            return Err(failure.suffix(&format!("; {name} stays in {to}: there is no journal of its move")));
        }
        let restored = undo.restore(link, job.to, from).map_err(|error| error.prefix(&failure))?;
        unmark(from, &restored, mark)?;
        journal.end();
        return Err(failure.suffix(&format!("; {}, which an interrupted run had moved, is back", origin.name)));
    }
    unmark(job.to, link, mark)?;
    journal.end();
    let link = job.to.netlink.link_at(link.ifindex)?.unwrap_or_else(|| link.clone());
    let lost = undo.is_whole().then_some(lost);
    Ok(Outcome::Moved(Box::new(Moved { origin: undo.name.clone(), link, changed: true, undo, lost })))
}

fn finish_later(job: &Job<'_>, link: &Link, origin: &Origin) -> Outcome {
    let steps = vec![format!("finish the move of {}, which was interrupted", origin.name)];
    let other_name = job.wish.name.as_ref().filter(|name| !name.fits(&link.name));
    let name = other_name.map_or_else(|| link.name.clone(), ToString::to_string);
    Outcome::Planned { link: origin.name.clone(), name, steps, lost: None }
}

/// Whether a link that came from `origin` is the one that was asked for.
fn is_meant(job: &Job<'_>, link: &Link, origin: &Origin, selected: bool) -> bool {
    let named = match job.selector {
        Selector::Name(name) => {
            // The kernel keeps the ifindex where it is free.
            let ifindex = origin.ifindex.unwrap_or(link.ifindex).to_string() == *name;
            origin.name == *name || ifindex || link.altnames.contains(name)
        }
        _ => selected,
    };
    named && origin.netns == job.from.place.ns.id().ino
}

fn missing(job: &Job<'_>) -> Result<Error> {
    let from = &job.from.place;
    let missing = format!("no link {} in {}", job.selector, from.label);
    let name = match (&job.wish.name, job.selector) {
        (Some(NewName::Name(name)), _) => name.as_str(),
        (None, Selector::Name(name)) => name,
        _ => return Ok(Error::no(missing)),
    };
    Ok(match job.to.netlink.link(name)? {
        Some(_) => Error::no(format!("{missing}, and {name} in {} did not come from there", job.to.label)),
        None => Error::no(missing),
    })
}
