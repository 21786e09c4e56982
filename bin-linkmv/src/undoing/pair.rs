//! Undoes a deed of nicon-veth: removes the pair, if it is still the same one.

use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::{Link, NetnsHandle};
use serde::Deserialize;

use crate::link::find::by_inode;
use crate::record::deed::{Deed, PairUndo};
use crate::undoing::locate::{open_by_number, open_target};
use crate::undoing::undone::Undone;

/// Removes the pair of which a record has one end.
pub(crate) fn undo(deed: &Deed, record: &Record, home: &NetnsHandle) -> Result<Undone> {
    if deed.undo.is_null() {
        if deed.changed {
            return Err(Error::failed(format!("{}, which was there before, keeps what it was given", deed.name)));
        }
        return Ok(Undone { changed: false, now: None });
    }
    let pair = PairUndo::deserialize(&deed.undo);
    let pair = pair.map_err(|error| Error::failed(format!("field \"undo\": {error}")))?;
    let own = End { name: &deed.name, ifindex: deed.ifindex, inode: pair.inode, peer: pair.peer.ifindex };
    let netns = unless_gone(open_target(deed, record, home))?;
    if let Some(netns) = &netns
        && let Some(link) = own.find(netns)?
    {
        let deleted = netns.netlink.delete_link(link.ifindex);
        deleted.map_err(|error| error.context(&format!("remove {} from {}", link.name, netns.label)))?;
        return Ok(Undone { changed: true, now: None });
    }
    // Both ends exist, or neither. If the other end is there, this one was moved on.
    let peer = End { name: &pair.peer.name, ifindex: pair.peer.ifindex, inode: pair.peer.inode, peer: deed.ifindex };
    let far = unless_gone(open_by_number(pair.peer.netns, &format!("the other end of {}", deed.name), home))?;
    if let Some(far) = far
        && peer.find(&far)?.is_some()
    {
        let wherever = netns.map_or_else(|| "its network namespace".to_owned(), |netns| netns.label);
        return Err(Error::no(format!("{} is not in {wherever} any more: it was moved on", deed.name)));
    }
    Ok(Undone { changed: false, now: None })
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
    fn find(&self, netns: &NetnsHandle) -> Result<Option<Link>> {
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
