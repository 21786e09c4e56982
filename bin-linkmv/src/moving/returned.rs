//! Links that are not where a move left them, nor where they came from under the name that they had there.
//!
//! When a network namespace ends, the kernel puts its physical links into the initial one, under the names that they have
//! (`default_device_exit_net` in net/core/dev.c). So a container's network card is back on the host as `eth1`, with nicon's note
//! of where it came from.
//!
//! Root in a container can write that note onto any of its own links. But it is believed only of links that are in the namespace
//! which they say they came from, so all that root can do is to exchange the cards that it was given. Where that matters, select a
//! card by its hardware: `pci:0000:01:00.0`.

use nicon_core::link::Selector;
use nicon_core::{Error, Result};
use nicon_rtnl::Link;

use crate::link::tag::{noted_origin, remove_tag, tag_of};
use crate::link::undo::Undo;
use crate::moving::job::{Job, Options};

/// Gives the link of a job its old name back if it is in the namespace that it came from under another one; and if its move was
/// interrupted, brings it there from wherever it is. Returns whether it did.
///
/// # Errors
/// If it may be any of several links, or cannot be put back.
pub(super) fn come_home(job: &Job<'_>, options: &Options<'_>) -> Result<bool> {
    let Selector::Name(name) = job.selector else { return Ok(false) };
    if options.dry_run {
        return Ok(false);
    }
    Ok(from_elsewhere(job, options, name)? || under_another_name(job, name)?)
}

/// The journal of the interrupted move says what to look for.
fn from_elsewhere(job: &Job<'_>, options: &Options<'_>, name: &str) -> Result<bool> {
    let from = &job.from.netns;
    for tag in options.journals.tags(from.ns.id().ino, name)? {
        let mut journal = options.journals.of(&tag)?;
        let Some(undo) = journal.left_behind() else { continue };
        let Some(inode) = undo.inode() else { continue };
        if let Some((netns, link)) = options.namespaces.find_link(inode)? {
            let restored = undo.restore(&link, &netns, from)?;
            remove_tag(from, &restored.link, &tag)?;
            // What is lacking by now, the move would take from it anyway.
            journal.end();
            return Ok(true);
        }
    }
    Ok(false)
}

fn under_another_name(job: &Job<'_>, name: &str) -> Result<bool> {
    let from = &job.from.netns;
    let returned = job.from.returned()?;
    let found: Vec<&Link> =
        returned.iter().filter(|link| noted_origin(link).is_some_and(|origin| origin.name == name)).collect();
    match &found[..] {
        [] => Ok(false),
        [link] => {
            let Some(link) = from.netlink.link_at(link.ifindex)?.filter(|now| now.name == link.name) else {
                return Ok(false);
            };
            let restored = Undo::of_nothing_but(from, name).restore(&link, from, from)?;
            if let Some((tag, _)) = tag_of(&restored.link) {
                remove_tag(from, &restored.link, tag)?;
            }
            Ok(true)
        }
        _ => {
            let names: Vec<_> = found.iter().map(|link| &link.name[..]).collect();
            let names = names.join(", ");
            Err(Error::failed(format!("{names} in {} all say that they were {name}: say which", from.label)))
        }
    }
}
