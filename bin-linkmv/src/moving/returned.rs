//! Links that are not where a move left them, nor where they came from under the name that they had there.
//!
//! When a network namespace ends, the kernel puts its physical links into the initial one, under the names that they have
//! (`default_device_exit_net` in net/core/dev.c). So a container's network card is back on the host as `eth1`, with the origin that
//! nicon recorded on it.
//!
//! Root in a container can write such an origin onto any of its own links. But it is believed only of links that are in the namespace
//! which they say they came from, so all that root can do is to exchange the cards that it was given. Where that matters, select a
//! card by its hardware: `pci:0000:01:00.0`.

use nicon_core::link::Selector;
use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetnsHandle};

use crate::configuring::steps::remove_altname;
use crate::link::journal::Journal;
use crate::link::owner::check_owner;
use crate::link::tag::{recorded_origin, remove_tag, tag_of};
use crate::link::undo::Undo;
use crate::moving::job::{Job, Options, Outcome};
use crate::moving::survey::Survey;

/// Gives the link of a job its old name back if it is in the namespace that it came from under another one; and if its move was
/// interrupted, brings it there from wherever it is. Returns whether it did.
///
/// # Errors
/// If it may be any of several links, is another plan's, or cannot be put back.
pub(super) fn come_home(job: &Job<'_>, options: &Options<'_>) -> Result<bool> {
    let Selector::Name(name) = job.selector else { return Ok(false) };
    let from = &job.from.netns;
    if let Some(Interrupted { undo, journal, tag, netns, link }) = interrupted(job, options, name)? {
        check_owner(&link, job.plan, &netns)?;
        let restored = undo.restore(&link, &netns, from)?;
        remove_tag(from, &restored.link, &tag)?;
        // What is lacking by now, the move would take from it anyway.
        journal.end();
        return Ok(true);
    }
    let Some(link) = renamed(job, name)? else { return Ok(false) };
    check_owner(&link, job.plan, from)?;
    let restored = Undo::of_nothing_but(from, name).restore(&link, from, from)?;
    if let Some((tag, _)) = tag_of(&restored.link) {
        remove_tag(from, &restored.link, tag)?;
    }
    Ok(true)
}

/// What a run would do with such a link; `None` if there is none.
///
/// # Errors
/// As those of the run.
pub(super) fn plan(job: &Job<'_>, options: &Options<'_>) -> Result<Option<Outcome>> {
    let Selector::Name(name) = job.selector else { return Ok(None) };
    if let Some(Interrupted { netns, link, .. }) = interrupted(job, options, name)? {
        check_owner(&link, job.plan, &netns)?;
        let back = format!("put {} in {} back as {name}, since its move was interrupted", link.name, netns.label);
        let steps = vec![back, format!("move {name} to {}", job.to.label)];
        let new_name = job.spec.name.as_ref().map_or_else(|| name.clone(), ToString::to_string);
        return Ok(Some(Outcome::Planned { link: name.clone(), name: new_name, steps, lost: None }));
    }
    let Some(now) = renamed(job, name)? else { return Ok(None) };
    let back = Undo::of_nothing_but(&job.from.netns, name).without_origin(&now);
    let alias = if back.alias == now.alias { "" } else { " alias \"\"" };
    let mut before = vec![format!("link set {} name {name}{alias}", now.name)];
    let noted = now.altnames.iter().filter(|altname| !back.altnames.contains(altname));
    before.extend(noted.map(|altname| remove_altname(name, altname)));
    let mut plan = Survey::foreseen(job, options, &back, &now.name)?.plan(job, options, back)?;
    if let Outcome::Planned { steps, .. } = &mut plan {
        steps.splice(0..0, before);
    }
    Ok(Some(plan))
}

/// A link whose move was interrupted, and where it is.
struct Interrupted {
    undo: Undo,
    journal: Journal,
    tag: String,
    netns: NetnsHandle,
    link: Link,
}

/// The journal of the interrupted move says what to look for.
fn interrupted(job: &Job<'_>, options: &Options<'_>, name: &str) -> Result<Option<Interrupted>> {
    for tag in options.journals.tags(job.from.netns.ns.id().ino, name)? {
        let mut journal = options.journals.of(&tag)?;
        if let Some(undo) = journal.left_behind()
            && let Some(inode) = undo.inode()
            && let Some((netns, link)) = options.namespaces.find_link(inode)?
        {
            return Ok(Some(Interrupted { undo, journal, tag, netns, link }));
        }
    }
    Ok(None)
}

/// The link that has come back under another name.
fn renamed(job: &Job<'_>, name: &str) -> Result<Option<Link>> {
    let from = &job.from.netns;
    let returned = job.from.returned()?;
    let found: Vec<&Link> =
        returned.iter().filter(|link| recorded_origin(link).is_some_and(|origin| origin.name == name)).collect();
    match &found[..] {
        [] => Ok(None),
        [link] => Ok(from.netlink.link_at(link.ifindex)?.filter(|now| now.name == link.name)),
        _ => {
            let names: Vec<_> = found.iter().map(|link| &link.name[..]).collect();
            let names = names.join(", ");
            Err(Error::failed(format!("{names} in {} all say that they were {name}: say which", from.label)))
        }
    }
}
