//! Who is wired to whom: finding the other end of a veth.

use std::cell::OnceCell;

use nicon_core::{Namespace, NsId, Result};
use nicon_rtnl::netlink::Far;
use nicon_rtnl::{Link, NetnsHandle, Relation, netns};
use serde::Serialize;

use crate::listing::Listing;
use crate::listings::Listings;
use crate::numbers::Numbers;

/// A link that another one is tied to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct OtherLink {
    /// Its name, if we may read it.
    pub(crate) name: Option<String>,
    pub(crate) ifindex: u32,
    /// Inode number of its network namespace, if found.
    pub(crate) netns: Option<u64>,
    /// What the input, `--names` or the path of a container in it calls that namespace, or `host`.
    pub(crate) target: Option<String>,
}

/// The namespaces in which other ends are looked for.
pub(crate) struct Wiring<'a> {
    home: &'a NetnsHandle,
    /// The requested ones.
    listings: &'a Listings,
    numbers: &'a Numbers,
    /// All others, opened if the requested ones are not enough.
    others: OnceCell<Vec<Namespace>>,
}

impl<'a> Wiring<'a> {
    pub(crate) fn new(home: &'a NetnsHandle, listings: &'a Listings, numbers: &'a Numbers) -> Self {
        Self { home, listings, numbers, others: OnceCell::new() }
    }

    /// The other end of a link of `listing`, if it is an end of a veth.
    pub(crate) fn peer(&self, listing: &Listing, link: &Link) -> Result<Option<OtherLink>> {
        if is_end(link) { self.lower(listing, link) } else { Ok(None) }
    }

    /// The link that one of `listing` is stacked on, such as the one below a VLAN.
    pub(crate) fn parent(&self, listing: &Listing, link: &Link) -> Result<Option<OtherLink>> {
        if is_end(link) { Ok(None) } else { self.lower(listing, link) }
    }

    /// The other link, or its whole namespace, may be gone by now.
    fn lower(&self, listing: &Listing, link: &Link) -> Result<Option<OtherLink>> {
        let Some(ifindex) = link.lower else { return Ok(None) };
        let id = match link.lower_nsid {
            None => Some(listing.netns.ns.id()),
            // A namespace that is being taken down has no number.
            Some(..0) => return Ok(None),
            Some(nsid) => self.identify(&listing.netns, nsid)?,
        };
        let known = id.and_then(|id| self.listings.of(id));
        let end = match (known.and_then(|known| known.links.get(&ifindex)), link.lower_nsid) {
            (Some(peer), _) => Far::There(peer.link.clone()),
            (None, Some(nsid)) => listing.netns.netlink.link_in(nsid, ifindex)?,
            (None, None) => listing.netns.netlink.link_at(ifindex)?.map_or(Far::Gone, |peer| Far::There(peer.into())),
        };
        let name = match end {
            Far::There(peer) => Some(peer.name),
            Far::Denied => None,
            Far::Gone => return Ok(None),
        };
        let home = (Some(self.home.ns.id()) == id).then_some(self.home);
        let target = known.map(|known| &known.netns).or(home).map(|netns| netns.label.clone());
        let target = target.or_else(|| self.listings.names.path(id?.ino));
        Ok(Some(OtherLink { name, ifindex, netns: id.map(|id| id.ino), target }))
    }

    /// The namespace that another one knows by a number.
    pub(crate) fn identify(&self, netns: &NetnsHandle, nsid: i32) -> Result<Option<NsId>> {
        self.numbers.identify(netns, nsid, self.namespaces())
    }

    /// The namespaces that a link may lead to. The requested ones come first, which is nearly always enough.
    fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        let asked_for = self.listings.iter().map(|(_, listing)| &listing.netns.ns);
        // If not all processes may be inspected, fewer are found. The list is printed all the same, without those names.
        let open = || -> Vec<Namespace> {
            let found = netns::all().into_iter().flat_map(|census| census.found);
            found.filter_map(|found| found.open().ok()).collect()
        };
        let others = std::iter::once_with(move || self.others.get_or_init(open)).flatten();
        std::iter::once(&self.home.ns).chain(asked_for).chain(others)
    }
}

fn is_end(link: &Link) -> bool {
    link.relation() == Some(Relation::Peer)
}
