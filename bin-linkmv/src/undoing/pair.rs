//! Undoes a deed of nicon-veth: removes the pair, if it is still the same one.

use nicon_core::{Error, Record, Result};
use nicon_rtnl::{Link, NetnsHandle};
use serde::Deserialize;

use crate::link::namespaces::Namespaces;
use crate::link::on_top::stacked;
use crate::record::deed::{Deed, PairUndo};
use crate::undoing::limits::Limits;
use crate::undoing::locate::open_target;
use crate::undoing::made::{GONE, MadeLink, of_what_was_there, remove, unless_gone};
use crate::undoing::undone::Undone;

/// Removes the pair of which a record has one end, wherever its ends are by now.
pub(crate) fn undo(deed: &Deed, record: &Record, namespaces: &Namespaces, limits: Limits<'_>) -> Result<Undone> {
    if let Some(undone) = of_what_was_there(deed) {
        return undone;
    }
    let found = find(deed, record, namespaces)?;
    for (netns, link) in &found {
        limits.check(link, netns, "removing the pair", stacked)?;
    }
    let Some((netns, link)) = found.first() else { return Ok(GONE) };
    remove(link, netns)
}

/// Whether the pair of a deed is no more.
pub(crate) fn find_undone(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<Option<Undone>> {
    Ok(find(deed, record, namespaces)?.is_empty().then_some(GONE))
}

/// The ends of a deed's pair, as far as they are found. There are both, or neither: if there are none, the pair is no more.
fn find(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<Vec<(NetnsHandle, Link)>> {
    let pair = PairUndo::deserialize(&deed.undo);
    let PairUndo { inode, peer } = pair.map_err(|error| Error::failed(format!("field \"undo\": {error}")))?;
    let end = |name, ifindex, inode, peer| MadeLink { name, kind: "veth", ifindex, inode, peer: Some(peer) };
    let own = end(&deed.name, deed.ifindex, inode, peer.ifindex);
    let other = end(&peer.name, peer.ifindex, peer.inode, deed.ifindex);
    let home = unless_gone(open_target(deed, record, namespaces))?;
    let label = home.as_ref().map_or_else(|| "its network namespace".to_owned(), |home| home.label.clone());
    let far = unless_gone(namespaces.open(peer.netns, &format!("the other end of {}", deed.name)))?;
    let own_found = own.find(home, namespaces)?;
    let other_found = other.find(far, namespaces)?;
    if inode.is_none() && own_found.is_none() && other_found.is_some() {
        // Without its inode number nobody knows whether what the other end leads to is this one.
        return Err(Error::no(format!("{} is not in {label} any more: it was moved on", deed.name)));
    }
    Ok(own_found.into_iter().chain(other_found).collect())
}
