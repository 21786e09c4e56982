//! Undoes a deed of nicon-linkadd: removes the link, if it is still the same one.

use nicon_core::{Error, Record, Result};
use nicon_rtnl::{Link, NetnsHandle};
use serde::Deserialize;

use crate::link::namespaces::Namespaces;
use crate::link::on_top::stacked;
use crate::link::stitch::take_back;
use crate::record::deed::{Deed, MadeUndo};
use crate::undoing::limits::Limits;
use crate::undoing::locate::open_target;
use crate::undoing::made::{GONE, MadeLink, of_what_was_there, remove, unless_gone};
use crate::undoing::undone::Undone;

/// Removes the link of a deed, wherever it is by now.
pub(crate) fn undo(deed: &Deed, record: &Record, namespaces: &Namespaces, limits: Limits<'_>) -> Result<Undone> {
    if let Some(undone) = of_what_was_there(deed) {
        return undone;
    }
    let undo = read(deed)?;
    let own = unless_gone(open_target(deed, record, namespaces))?;
    let found = find(deed, &undo, own.as_ref(), namespaces)?;
    if let Some((netns, link)) = &found {
        limits.check(link, netns, &format!("removing {}", link.name), stacked)?;
        check_ports(link, netns, limits)?;
    }
    // Also where the link is gone: the other one then sends all into the void.
    if let (Some(own), Some(stitch)) = (&own, &undo.stitch) {
        take_back(own, deed.ifindex, stitch)?;
    }
    found.map_or(Ok(GONE), |(netns, link)| remove(&link, &netns))
}

/// Whether the link of a deed is no more.
pub(crate) fn find_undone(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<Option<Undone>> {
    let own = unless_gone(open_target(deed, record, namespaces))?;
    Ok(find(deed, &read(deed)?, own.as_ref(), namespaces)?.is_none().then_some(GONE))
}

fn read(deed: &Deed) -> Result<MadeUndo> {
    MadeUndo::deserialize(&deed.undo).map_err(|error| Error::failed(format!("field \"undo\": {error}")))
}

fn find(
    deed: &Deed,
    MadeUndo { kind, ifindex, inode, .. }: &MadeUndo,
    own: Option<&NetnsHandle>,
    namespaces: &Namespaces,
) -> Result<Option<(NetnsHandle, Link)>> {
    let made = MadeLink { name: &deed.name, kind, ifindex: *ifindex, inode: *inode, peer: None };
    made.find(own.cloned(), namespaces)
}

/// Makes sure that a bridge has no ports: they would be cut off from each other.
///
/// # Errors
/// Which ones it has.
fn check_ports(link: &Link, netns: &NetnsHandle, limits: Limits<'_>) -> Result<()> {
    if limits.guard.is_none() || link.kind.as_deref() != Some("bridge") {
        return Ok(());
    }
    let all = netns.netlink.links(None)?.entries.into_iter();
    let mut ports: Vec<_> = all.filter(|port| port.master == Some(link.ifindex)).map(|port| port.name).collect();
    ports.sort();
    if ports.is_empty() {
        return Ok(());
    }
    let (name, there, ports) = (&link.name, &netns.label, ports.join(", "));
    Err(Error::failed(format!(
        "{name} in {there} has the ports {ports}, which would be cut off from each other (--undo --force removes it anyway)"
    )))
}
