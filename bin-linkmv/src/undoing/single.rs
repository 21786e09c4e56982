//! Undoes a deed of nicon-linkadd: removes the link, if it is still the same one.

use nicon_core::{Error, Record, Result};
use nicon_rtnl::{Link, NetnsHandle};
use serde::Deserialize;

use crate::link::namespaces::Namespaces;
use crate::link::on_top::stacked;
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
    let Some((netns, link)) = find(deed, record, namespaces)? else { return Ok(GONE) };
    let act = format!("removing {}", link.name);
    limits.check(&link, &netns, &act, stacked)?;
    check_ports(&link, &netns, limits)?;
    remove(&link, &netns)
}

/// Whether the link of a deed is no more.
pub(crate) fn find_undone(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<Option<Undone>> {
    Ok(find(deed, record, namespaces)?.is_none().then_some(GONE))
}

fn find(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<Option<(NetnsHandle, Link)>> {
    let undo = MadeUndo::deserialize(&deed.undo);
    let MadeUndo { kind, ifindex, inode } = undo.map_err(|error| Error::failed(format!("field \"undo\": {error}")))?;
    let own = unless_gone(open_target(deed, record, namespaces))?;
    MadeLink { name: &deed.name, kind: &kind, ifindex, inode, peer: None }.find(own, namespaces)
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
