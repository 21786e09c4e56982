//! Links that were made: they are found again, wherever they are by now, and removed.

use nicon_core::{Error, Result, Status};
use nicon_rtnl::{Link, NetnsHandle};
use nix::errno::Errno;

use crate::link::find::by_inode;
use crate::link::namespaces::Namespaces;
use crate::record::deed::Deed;
use crate::undoing::undone::Undone;

/// What becomes of a link that is no more.
pub(super) const GONE: Undone = Undone { changed: false, now: None, missing: Vec::new() };

/// A link, as it was when it was made.
pub(super) struct MadeLink<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) ifindex: u32,
    /// What identifies it; see [`nicon_rtnl::sysfs`].
    pub(super) inode: Option<u64>,
    /// The ifindex of its other end, if it has one.
    pub(super) peer: Option<u32>,
}

impl MadeLink<'_> {
    /// The link, in its own namespace if that is still there, or wherever it was moved on to.
    pub(super) fn find(
        &self,
        own: Option<NetnsHandle>,
        namespaces: &Namespaces,
    ) -> Result<Option<(NetnsHandle, Link)>> {
        if let Some(netns) = own
            && let Some(link) = self.find_in(&netns)?
        {
            return Ok(Some((netns, link)));
        }
        self.inode.map_or(Ok(None), |inode| namespaces.find_link(inode))
    }

    fn find_in(&self, netns: &NetnsHandle) -> Result<Option<Link>> {
        let link = netns.netlink.link_at(self.ifindex)?;
        let is_it = |link: &Link| link.name == self.name && (self.peer.is_none() || link.lower == self.peer);
        let found = match self.inode {
            Some(inode) => by_inode(inode, link, netns)?,
            None => link.filter(is_it),
        };
        Ok(found.filter(|link| link.kind.as_deref() == Some(self.kind)))
    }
}

/// What becomes of a deed that made no link, but found one there already; `None` if it made one.
pub(super) fn of_what_was_there(deed: &Deed) -> Option<Result<Undone>> {
    deed.undo.is_null().then(|| {
        if deed.changed {
            return Err(Error::failed(format!("{}, which was there before, keeps what it was given", deed.name)));
        }
        Ok(GONE)
    })
}

/// Removes a link, and with it its other end.
pub(super) fn remove(link: &Link, netns: &NetnsHandle) -> Result<Undone> {
    match netns.netlink.delete_link(link.ifindex) {
        Ok(()) => Ok(Undone { changed: true, ..GONE }),
        // Another run was faster.
        Err(error) if error.errno == Errno::ENODEV => Ok(GONE),
        Err(error) => Err(error.context(&format!("remove {} from {}", link.name, netns.label))),
    }
}

/// `None` if the namespace is gone, and its links with it.
pub(super) fn unless_gone(netns: Result<NetnsHandle>) -> Result<Option<NetnsHandle>> {
    match netns {
        Ok(netns) => Ok(Some(netns)),
        Err(error) if error.status() == Status::No => Ok(None),
        Err(error) => Err(error),
    }
}
