//! What is left of a move whose run was killed before the link had left, or while it was being put back.

use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::journal::Journal;
use crate::link::namespaces::Namespaces;
use crate::link::tag::{Origin, remove_tag, tag_of};

/// A link that is to be changed, and its namespace.
pub(super) struct Here<'a> {
    pub(super) netns: &'a NetnsHandle,
    pub(super) link: Link,
    /// What identifies it; see [`nicon_rtnl::sysfs`].
    pub(super) inode: Option<u64>,
}

/// The tag of a link that is here: the one that an interrupted move has given it, or that the next one will.
pub(super) fn tag_here(netns: &NetnsHandle, link: &Link) -> String {
    let known = tag_of(link).filter(|(_, origin)| origin.netns == netns.ns.id().ino);
    known.map_or_else(|| Origin::of(netns, link).tag(), |(tag, _)| tag.to_owned())
}

/// Takes back what an earlier run has left of its move. Returns the link as it is then.
///
/// # Errors
/// If not all of it can be taken back, or the journal is that of another link.
pub(super) fn take_back(
    Here { netns, link, inode }: Here<'_>,
    tag: &str,
    mut journal: Journal,
    namespaces: &Namespaces,
) -> Result<(Link, Journal)> {
    let Some(mut undo) = journal.left_behind() else { return Ok((link, journal)) };
    if let Some(other) = undo.inode().filter(|other| inode != Some(*other)) {
        if namespaces.find_link(other)?.is_some() {
            let why = "another link that was called so is being moved, or its move was interrupted";
            return Err(Error::failed(format!("{} in {}: {why}", link.name, netns.label)));
        }
        journal.leave_others();
        return Ok((link, journal));
    }
    if !link.altnames.iter().any(|altname| altname == tag) {
        return Ok((link, journal));
    }
    undo.complete(&link);
    let restored = undo.restore(&link, netns, netns)?;
    if let Some(lack) = restored.lack() {
        remove_tag(netns, &restored.link, tag)?;
        journal.end();
        return Err(Error::failed(lack));
    }
    journal.clear();
    Ok((restored.link, journal))
}
