//! Recognises a link that an earlier run moved, by the names that it left on the link.

use nicon_core::link::{NewName, Selector};
use nicon_core::{Error, Result};
use nicon_rtnl::Link;

use crate::configuring::carried::Carried;
use crate::link::altnames;
use crate::link::ending::{Ending, Remainder};
use crate::link::find::{Tagged, find, fits};
use crate::link::journal::Journal;
use crate::link::losses::Losses;
use crate::link::owner::check_owner;
use crate::link::tag::{Origin, origin_of, remove_tag, tag_of};
use crate::link::undo::Undo;
use crate::link::wait_ready::wait_ready;
use crate::link::written::Written;
use crate::moving::check::master;
use crate::moving::job::{Job, Moved, Options, Outcome};
use crate::moving::{reconcile, returned};

/// Finishes what an earlier run began, or finds that there is nothing left to do. Returns `None` if the link is by now where it is to
/// come from.
///
/// # Errors
/// If no link came from there. A move that cannot be completed is undone as far as its journal allows.
pub(crate) fn resume(job: &Job<'_>, options: &Options<'_>) -> Result<Option<Outcome>> {
    let mut complete = None;
    for link in job.to.netlink.links(None)?.entries {
        let selected = fits(job.selector, &link);
        if let Some((tag, origin)) = tag_of(&link).filter(|(_, origin)| is_meant(job, &link, origin, selected)) {
            check_owner(&link, job.plan, job.to)?;
            if options.dry_run {
                return Ok(Some(finish_later(job, &link, &origin)));
            }
            let mut journal = options.journals.of(tag)?;
            let undo = journal.left_behind().unwrap_or_else(|| Undo::of_nothing_but(&job.from.netns, &origin.name));
            let tagged = Tagged { tag: tag.to_owned(), inode: undo.inode() };
            return match tagged.find(job.to)? {
                Some(link) => finish(job, options, &link, &origin, Unfinished { tagged, undo, journal }).map(Some),
                None if job.to.netlink.link(tag)?.is_some() => Err(Error::no(format!(
                    "{} in {} is not {}, whose tag it carries",
                    link.name, job.to.label, origin.name
                ))),
                // Another run of the same command has finished the move meanwhile, or has taken it back.
                None => Ok(None),
            };
        }
        if let Some(origin) = origin_of(&link).filter(|origin| is_meant(job, &link, origin, selected)) {
            let wanted = job.spec.name.as_ref().map_or(link.name == origin.name, |name| name.fits(&link.name));
            complete = complete.or(wanted.then_some((link, origin)));
        }
    }
    let Some((link, origin)) = complete else {
        if find(job.selector, &job.from.netns)?.is_some() {
            return Ok(None);
        }
        if options.dry_run {
            return returned::plan(job, options)?.map_or_else(|| fail_missing(job), |plan| Ok(Some(plan)));
        }
        return if returned::come_home(job, options)? { Ok(None) } else { fail_missing(job) };
    };
    check_owner(&link, job.plan, job.to)?;
    if !options.dry_run
        && let Some(unfinished) = killed_at_the_end(job, options, &link, &origin)?
    {
        return finish(job, options, &link, &origin, unfinished).map(Some);
    }
    // What cannot be read is told before anything is changed.
    let kept = job.kept(options, &link)?;
    let unmarked = job.unmarked_spec();
    // A link that no plan has moved is not this plan's to bring home.
    let job = &if kept.is_none() { Job { spec: &unmarked, ..*job } } else { *job };
    if options.dry_run {
        return reconcile::plan(job, options, &link, &origin).map(Some);
    }
    let undo = kept.unwrap_or_else(|| Undo::of_nothing_but(&job.from.netns, &origin.name));
    let remainder = Remainder::from(reconcile::reconcile(job, options, &link, &origin)?);
    let changed = remainder.has_changes();
    let now = job.to.netlink.link_at(link.ifindex)?;
    let link = now.unwrap_or(*link);
    Ok(Some(Outcome::Moved(Box::new(Moved { origin: origin.name, link, changed, undo, lost: None, remainder }))))
}

/// A move whose run was killed when its link had arrived.
struct Unfinished {
    tagged: Tagged,
    /// How the link was before, as far as that is known.
    undo: Undo,
    journal: Journal,
}

/// The move of a link from which its run had removed the tag already when it was killed.
fn killed_at_the_end(job: &Job<'_>, options: &Options<'_>, link: &Link, origin: &Origin) -> Result<Option<Unfinished>> {
    for tag in options.journals.tags(origin.netns, &origin.name)? {
        let mut journal = options.journals.of(&tag)?;
        if let Some(undo) = journal.left_behind()
            && undo.inode().is_some()
            && undo.inode() == job.to.inode(link)?
        {
            return Ok(Some(Unfinished { tagged: Tagged { tag, inode: undo.inode() }, undo, journal }));
        }
    }
    Ok(None)
}

/// Completes an interrupted move, or puts the link back.
fn finish(
    job: &Job<'_>,
    options: &Options<'_>,
    link: &Link,
    origin: &Origin,
    Unfinished { tagged, undo, journal }: Unfinished,
) -> Result<Outcome> {
    let (from, spec) = (&job.from.netns, job.spec);
    let (carry, settings) = undo.carried(link.ifindex)?;
    let attached = undo.state.as_ref().map(|state| state.attached.lost(state.ifindex)).unwrap_or_default();
    let lost = Losses::of(&carry, &settings, attached, spec);
    let carried = Carried::pack(spec, &carry, settings, link.ifindex);
    let written = Written::keep(journal, options.journals, job.plan, &undo)?;
    let finished = || {
        altnames::give(job.to, link, undo.altnames().iter().filter(|name| !link.altnames.contains(name)))?;
        job.configuration(master(job)?, Some(origin)).apply(link, &carried)?;
        wait_ready(job.to, link, &options.readiness)
    };
    if let Err(failure) = finished() {
        // Without a journal the only evidence is on the link itself, where root in the target can forge it. Such a link must
        // not enter the namespace that it claims to come from.
        if !undo.is_whole() {
            let (name, to) = (&link.name, &job.to.label);
            return Err(failure.suffix(&format!("; {name} stays in {to}: there is no journal of its move")));
        }
        let restored = undo.restore(link, job.to, from).map_err(|error| error.prefix(&failure))?;
        remove_tag(from, &restored.link, &tagged.tag)?;
        written.discard();
        let lack = restored.lack().map(|lack| format!("; {lack}")).unwrap_or_default();
        return Err(failure.suffix(&format!("; {}, which an interrupted run had moved, is back{lack}", origin.name)));
    }
    let mut link = job.to.netlink.link_at(link.ifindex)?.unwrap_or_else(|| link.clone());
    link.altnames.retain(|altname| *altname != tagged.tag);
    let ending = options.untag(Ending::new([job.to, &job.from.netns], tagged, written))?;
    let lost = undo.is_whole().then_some(lost);
    Ok(Outcome::Moved(Box::new(Moved {
        origin: undo.name.clone(),
        link,
        changed: true,
        undo,
        lost,
        remainder: ending.into(),
    })))
}

fn finish_later(job: &Job<'_>, link: &Link, origin: &Origin) -> Outcome {
    let steps = vec![format!("finish the move of {}, which was interrupted", origin.name)];
    let other_name = job.spec.name.as_ref().filter(|name| !name.fits(&link.name));
    let name = other_name.map_or_else(|| link.name.clone(), ToString::to_string);
    Outcome::Planned { link: origin.name.clone(), name, steps, lost: None }
}

/// Whether a link that came from `origin` is the requested one.
fn is_meant(job: &Job<'_>, link: &Link, origin: &Origin, selected: bool) -> bool {
    let named = match job.selector {
        Selector::Name(name) => {
            // A move keeps the ifindex if it is free in the target.
            let ifindex = origin.ifindex.unwrap_or(link.ifindex).to_string() == *name;
            origin.name == *name || ifindex || link.altnames.contains(name)
        }
        _ => selected,
    };
    named && origin.netns == job.from.netns.ns.id().ino
}

/// Fails, since there is no link such as the job asks for.
fn fail_missing<T>(job: &Job<'_>) -> Result<T> {
    let from = &job.from.netns;
    let missing = format!("no link {} in {}", job.selector, from.label);
    let name = match (&job.spec.name, job.selector) {
        (Some(NewName::Name(name)), _) => name.as_str(),
        (None, Selector::Name(name)) => name,
        _ => return Err(Error::no(missing)),
    };
    Err(Error::no(match job.to.netlink.link(name)? {
        Some(_) => format!("{missing}, and {name} in {} did not come from there", job.to.label),
        None => missing,
    }))
}
