//! A link that is not where it is looked for may have been moved by an earlier run: it tells.

use nicon_core::link::{NewName, Selector};
use nicon_core::{Error, Result};
use nicon_linkmv::Link;

use crate::check::master;
use crate::dress::{Luggage, dress};
use crate::find::fits;
use crate::journal::Journal;
use crate::lost::Lost;
use crate::mark::{Origin, mark_of, noted};
use crate::mover::{Job, Moved, Mover, Outcome};
use crate::relocate::unmark;
use crate::undo::Undo;

/// Finishes what an earlier run began, or finds that there is nothing left to do.
///
/// # Errors
/// Where no link came from there. One that cannot be finished is put back, as far as it tells how it was.
pub(crate) async fn recognise(mover: &Mover<'_>, job: &Job<'_>) -> Result<Outcome> {
    let mut complete = None;
    for link in job.to.links(mover.home, None, false)?.entries {
        let selected = fits(job.selector, &link);
        if let Some((mark, origin)) = mark_of(&link).filter(|(_, origin)| is_meant(job, &link, origin, selected)) {
            if mover.dry_run {
                return Ok(finish_later(&link, &origin));
            }
            let journal = Journal::open(mark)?;
            return match job.to.netlink.link(mark).await? {
                Some(link) => finish(mover, job, &link, mark, &origin, journal).await,
                // Another run of this command was at it, and has finished.
                None => Box::pin(recognise(mover, job)).await,
            };
        }
        if let Some(origin) = noted(&link).filter(|origin| is_meant(job, &link, origin, selected)) {
            let wanted = job.wish.name.as_ref().map_or(link.name == origin.name, |name| name.fits(&link.name));
            complete = complete.or(wanted.then_some((link, origin)));
        }
    }
    let Some((link, origin)) = complete else { return Err(missing(job).await?) };
    if mover.dry_run {
        return Ok(Outcome::Planned { link: Box::new(link), steps: Vec::new(), lost: None });
    }
    let changed = dress(job, &link, (&origin.name, master(job).await?), &Luggage::default(), mover.home).await?;
    mover.settle(job, &link).await?;
    let now = job.to.netlink.link_at(link.ifindex).await?;
    let undo = Undo::of_nothing_but(&job.from.place, &origin.name);
    let link = now.unwrap_or(link);
    Ok(Outcome::Moved(Box::new(Moved { origin: origin.name, link, changed, undo, lost: None })))
}

/// Completes an interrupted move, or puts the link back.
async fn finish(
    mover: &Mover<'_>,
    job: &Job<'_>,
    link: &Link,
    mark: &str,
    origin: &Origin,
    mut journal: Journal,
) -> Result<Outcome> {
    let (from, wish) = (&job.from.place, job.wish);
    let undo = journal.left_behind().unwrap_or_else(|| Undo::of_nothing_but(from, &origin.name));
    journal.begin(&undo)?;
    let (carry, settings) = undo.luggage(link.ifindex)?;
    let lost = Lost::of(&carry, &settings, None, wish);
    let luggage = Luggage::pack(wish, &carry, settings, link.ifindex);
    let finished = async {
        dress(job, link, (&origin.name, master(job).await?), &luggage, mover.home).await?;
        mover.settle(job, link).await
    };
    if let Err(failure) = finished.await {
        // Without a journal only the link itself tells that it came from here, and whoever is root there may say so of any
        // link: it is not let into the namespace that it claims to have come from.
        if !undo.is_whole() {
            let (name, to) = (&link.name, &job.to.label);
            return Err(failure.and_say(&format!("; {name} stays in {to}: no journal tells that it was moved there")));
        }
        let restored = undo.restore(link, job.to, from, mover.home).await.map_err(|error| error.within(&failure))?;
        unmark(from, &restored, mark).await?;
        journal.end();
        return Err(failure.and_say(&format!("; {}, which an interrupted run had moved, is back", origin.name)));
    }
    unmark(job.to, link, mark).await?;
    journal.end();
    let link = job.to.netlink.link_at(link.ifindex).await?.unwrap_or_else(|| link.clone());
    let lost = undo.is_whole().then_some(lost);
    Ok(Outcome::Moved(Box::new(Moved { origin: undo.name.clone(), link, changed: true, undo, lost })))
}

fn finish_later(link: &Link, origin: &Origin) -> Outcome {
    let steps = vec![format!("finish the move of {}, which was interrupted", origin.name)];
    Outcome::Planned { link: Box::new(link.clone()), steps, lost: None }
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

async fn missing(job: &Job<'_>) -> Result<Error> {
    let from = &job.from.place;
    let missing = format!("no link {} in {}", job.selector, from.label);
    let name = match (&job.wish.name, job.selector) {
        (Some(NewName::Name(name)), _) => name.as_str(),
        (None, Selector::Name(name)) => name,
        _ => return Ok(Error::no(missing)),
    };
    Ok(match job.to.netlink.link(name).await? {
        Some(_) => Error::no(format!("{missing}, and {name} in {} did not come from there", job.to.label)),
        None => Error::no(missing),
    })
}
