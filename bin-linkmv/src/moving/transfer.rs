//! The netlink requests of a move: there, and back after a failure.

use std::os::fd::{AsFd, AsRawFd};

use nicon_core::{Error, Result};
use nicon_rtnl::Link;
use nicon_rtnl::netlink::set_flags;
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use crate::configuring::carried::Carried;
use crate::link::find::Tagged;
use crate::link::spec;
use crate::link::tag::{Origin, remove_tag};
use crate::link::undo::{Restored, Undo};
use crate::moving::check::Checked;
use crate::moving::job::Job;

/// The one message that moves the link, renames it and brings it up, unless something has to be there before that, or it
/// becomes a port.
pub(crate) fn request(job: &Job<'_>, link: &Link, checked: &Checked, carried: &Carried) -> LinkMessage {
    let mut message = spec::request(job.spec, link, None, Some(&Origin::of(&job.from.netns, link)));
    // Some masters take no port that is up, and not every kernel makes it one first if a message asks for both.
    let comes_up_later = !carried.settings.is_empty() || checked.master.is_some() || spec::comes_up_last(job.spec);
    // The kernel takes a link down when it moves it.
    if job.spec.up && !comes_up_later {
        set_flags(&mut message, LinkFlags::Up, true);
    }
    message.attributes.insert(0, LinkAttribute::NetNsFd(job.to.ns.as_fd().as_raw_fd()));
    let named = message.attributes.iter().any(|attribute| matches!(attribute, LinkAttribute::IfName(_)));
    if let (false, false, Some(name)) = (named, checked.own_name_is_free, &job.spec.name) {
        message.attributes.push(LinkAttribute::IfName(name.to_string()));
    }
    message
}

/// Moves a link back after a move that failed or was only partly applied. Returns the failure, extended by what could not be
/// restored.
pub(crate) fn bring_back(link: &Link, tagged: &Tagged, undo: &Undo, job: &Job<'_>, failure: Error) -> Result<Error> {
    Ok(match put_back(link, tagged, undo, job)?.lack() {
        Some(lack) => failure.suffix(&format!("; {lack}")),
        None => failure,
    })
}

/// Moves a link back.
pub(crate) fn put_back(link: &Link, tagged: &Tagged, undo: &Undo, job: &Job<'_>) -> Result<Restored> {
    let (from, to) = (&job.from.netns, job.to);
    let restored = if let Some(here) = tagged.find(from)? {
        // It never left. But it has lost its master if it was a port, and its alternative names where the kernel leaves those behind.
        let has_its_names = undo.altnames().iter().all(|altname| here.altnames.contains(altname));
        if undo.is_of_port() || !has_its_names {
            undo.restore(&here, from, from)?
        } else {
            Restored { link: here, missing: Vec::new() }
        }
    } else {
        let stranded = tagged.find(to)?;
        let stranded = stranded
            .ok_or_else(|| Error::failed(format!("{} is neither in {} nor in {}", link.name, from.label, to.label)))?;
        let restored = undo.restore(&stranded, to, from);
        restored.map_err(|error| error.prefix(format!("it is now called {} in {}", stranded.name, to.label)))?
    };
    remove_tag(from, &restored.link, &tagged.tag)?;
    Ok(restored)
}
