//! Undoes a deed of nicon-veth: removes the pair, if it is still the same one.

use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::{Link, NetnsHandle};
use nix::errno::Errno;
use serde::Deserialize;

use crate::link::find::by_inode;
use crate::link::namespaces::Namespaces;
use crate::link::on_top::stacked;
use crate::record::deed::{Deed, PairUndo};
use crate::undoing::limits::Limits;
use crate::undoing::locate::open_target;
use crate::undoing::undone::Undone;

/// Removes the pair of which a record has one end, wherever its ends are by now.
pub(crate) fn undo(deed: &Deed, record: &Record, namespaces: &Namespaces, limits: Limits<'_>) -> Result<Undone> {
    if deed.undo.is_null() {
        if deed.changed {
            return Err(Error::failed(format!("{}, which was there before, keeps what it was given", deed.name)));
        }
        return Ok(GONE);
    }
    let found = find(deed, record, namespaces)?;
    for (netns, link) in &found {
        limits.check(link, netns, "removing the pair", stacked)?;
    }
    let Some((netns, link)) = found.first() else { return Ok(GONE) };
    match netns.netlink.delete_link(link.ifindex) {
        Ok(()) => Ok(Undone { changed: true, ..GONE }),
        // Another run was faster.
        Err(error) if error.errno == Errno::ENODEV => Ok(GONE),
        Err(error) => Err(error.context(&format!("remove {} from {}", link.name, netns.label))),
    }
}

/// Whether the pair of a deed is no more.
pub(crate) fn find_undone(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<Option<Undone>> {
    Ok(find(deed, record, namespaces)?.is_empty().then_some(GONE))
}

const GONE: Undone = Undone { changed: false, now: None, missing: Vec::new() };

/// The ends of a deed's pair, as far as they are found. There are both, or neither: if there are none, the pair is no more.
fn find(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<Vec<(NetnsHandle, Link)>> {
    let pair = PairUndo::deserialize(&deed.undo);
    let PairUndo { inode, peer } = pair.map_err(|error| Error::failed(format!("field \"undo\": {error}")))?;
    let own = End { name: &deed.name, ifindex: deed.ifindex, inode, peer: peer.ifindex };
    let other = End { name: &peer.name, ifindex: peer.ifindex, inode: peer.inode, peer: deed.ifindex };
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

/// One end, as it was when the pair was made.
struct End<'a> {
    name: &'a str,
    ifindex: u32,
    inode: Option<u64>,
    /// The other end's ifindex.
    peer: u32,
}

impl End<'_> {
    /// The end, in its own namespace if that is still there, or wherever it was moved on to.
    fn find(&self, own: Option<NetnsHandle>, namespaces: &Namespaces) -> Result<Option<(NetnsHandle, Link)>> {
        if let Some(netns) = own
            && let Some(link) = self.find_in(&netns)?
        {
            return Ok(Some((netns, link)));
        }
        self.inode.map_or(Ok(None), |inode| namespaces.find_link(inode))
    }

    fn find_in(&self, netns: &NetnsHandle) -> Result<Option<Link>> {
        let link = netns.netlink.link_at(self.ifindex)?;
        let found = match self.inode {
            Some(inode) => by_inode(inode, link, netns)?,
            None => link.filter(|link| link.name == self.name && link.lower == Some(self.peer)),
        };
        Ok(found.filter(|link| link.kind.as_deref() == Some("veth")))
    }
}

/// `None` if the namespace is gone, and its links with it.
fn unless_gone(netns: Result<NetnsHandle>) -> Result<Option<NetnsHandle>> {
    match netns {
        Ok(netns) => Ok(Some(netns)),
        Err(error) if error.status() == Status::No => Ok(None),
        Err(error) => Err(error),
    }
}
