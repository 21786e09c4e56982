//! The steps of a move: the request, the end of the move, and the way back.

use std::os::fd::{AsFd, AsRawFd};

use nicon_core::{Error, Result};
use nicon_rtnl::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use nicon_rtnl::{Link, NetnsHandle};

use crate::linkmv::check::Checked;
use crate::linkmv::dress::Luggage;
use crate::linkmv::find::marked;
use crate::linkmv::mark::Origin;
use crate::linkmv::mover::Job;
use crate::linkmv::undo::Undo;
use crate::linkmv::wish;

/// The one message that moves the link, names it, and brings it up unless settings are to be made before.
pub(crate) fn request(job: &Job<'_>, link: &Link, checked: &Checked, luggage: &Luggage) -> LinkMessage {
    // The kernel takes a link down that it moves.
    let down = Link { flags: link.flags & !LinkFlags::Up, ..link.clone() };
    let mut message = wish::request(job.wish, &down, checked.master, &Origin::of(&job.from.place, link));
    if !luggage.settings.is_empty() {
        message.header.flags = LinkFlags::empty();
        message.header.change_mask = LinkFlags::empty();
    }
    message.attributes.insert(0, LinkAttribute::NetNsFd(job.to.ns.as_fd().as_raw_fd()));
    let named = message.attributes.iter().any(|attribute| matches!(attribute, LinkAttribute::IfName(_)));
    if let (false, false, Some(name)) = (named, checked.own_name_is_free, &job.wish.name) {
        message.attributes.push(LinkAttribute::IfName(name.to_string()));
    }
    message
}

/// Ends a move: removes the mark.
pub(crate) fn unmark(place: &NetnsHandle, link: &Link, mark: &str) -> Result<()> {
    let Err(error) = place.netlink.remove_altname(link.ifindex, mark) else { return Ok(()) };
    match place.netlink.link_at(link.ifindex)? {
        None => Err(Error::failed(format!("{} has vanished from {}", link.name, place.label))),
        Some(now) if now.altnames.iter().any(|altname| altname == mark) => {
            Err(error.context(&format!("take the mark off {} in {}", now.name, place.label)))
        }
        // Another run of the same command was faster.
        Some(_) => Ok(()),
    }
}

/// Moves a link back after a move that failed, or that was only partly applied.
pub(crate) fn take_back(link: &Link, mark: &str, undo: &Undo, job: &Job<'_>) -> Result<()> {
    let (from, to) = (&job.from.place, job.to);
    let back = if let Some(here) = marked(mark, undo.inode(), from)? {
        here
    } else {
        let stranded = marked(mark, undo.inode(), to)?;
        let stranded = stranded
            .ok_or_else(|| Error::failed(format!("{} is neither in {} nor in {}", link.name, from.label, to.label)))?;
        let restored = undo.restore(&stranded, to, from);
        restored.map_err(|error| error.prefix(format!("it is now called {} in {}", stranded.name, to.label)))?
    };
    unmark(from, &back, mark)
}
