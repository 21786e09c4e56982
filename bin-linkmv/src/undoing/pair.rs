//! Undoes a deed of nicon-veth: removes the pair, if it is still the same one.

use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::{Link, NetnsHandle};
use nix::errno::Errno;
use serde::Deserialize;

use crate::link::find::by_inode;
use crate::link::namespaces::Namespaces;
use crate::record::deed::{Deed, PairUndo};
use crate::undoing::locate::open_target;
use crate::undoing::undone::Undone;

/// Removes the pair of which a record has one end.
pub(crate) fn undo(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<Undone> {
    if deed.undo.is_null() {
        if deed.changed {
            return Err(Error::failed(format!("{}, which was there before, keeps what it was given", deed.name)));
        }
        return Ok(GONE);
    }
    match look(deed, record, namespaces)? {
        Seen::There(netns, link) => {
            match netns.netlink.delete_link(link.ifindex) {
                Ok(()) => Ok(Undone { changed: true, ..GONE }),
                // Another run was faster.
                Err(error) if error.errno == Errno::ENODEV => Ok(GONE),
                Err(error) => Err(error.context(&format!("remove {} from {}", link.name, netns.label))),
            }
        }
        Seen::MovedOn(from) => Err(Error::no(format!("{} is not in {from} any more: it was moved on", deed.name))),
        Seen::Gone => Ok(GONE),
    }
}

/// Whether the pair of a deed is no more.
pub(crate) fn find_undone(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<Option<Undone>> {
    Ok(matches!(look(deed, record, namespaces)?, Seen::Gone).then_some(GONE))
}

const GONE: Undone = Undone { changed: false, now: None, missing: Vec::new() };

/// What is left of a pair, seen from the end of which a record tells.
enum Seen {
    /// This end is where it was made.
    There(NetnsHandle, Box<Link>),
    /// It is not in the namespace of this name any more, but the other end is in its own.
    MovedOn(String),
    Gone,
}

fn look(deed: &Deed, record: &Record, namespaces: &Namespaces) -> Result<Seen> {
    let pair = PairUndo::deserialize(&deed.undo);
    let pair = pair.map_err(|error| Error::failed(format!("field \"undo\": {error}")))?;
    let own = End { name: &deed.name, ifindex: deed.ifindex, inode: pair.inode, peer: pair.peer.ifindex };
    let netns = unless_gone(open_target(deed, record, namespaces))?;
    let label = netns.as_ref().map_or_else(|| "its network namespace".to_owned(), |netns| netns.label.clone());
    if let Some(netns) = netns
        && let Some(link) = own.find(&netns)?
    {
        return Ok(Seen::There(netns, Box::new(link)));
    }
    // Both ends exist, or neither. If the other end is there, this one was moved on.
    let peer = End { name: &pair.peer.name, ifindex: pair.peer.ifindex, inode: pair.peer.inode, peer: deed.ifindex };
    let far = unless_gone(namespaces.open(pair.peer.netns, &format!("the other end of {}", deed.name)))?;
    match far {
        Some(far) if peer.find(&far)?.is_some() => Ok(Seen::MovedOn(label)),
        _ => Ok(Seen::Gone),
    }
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
