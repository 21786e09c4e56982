//! Who is wired to whom: finding the other end of a veth.

use std::cell::OnceCell;

use nicon_core::{Namespace, NsId, Result};
use nicon_linkmv::{Link, Place, netns};
use serde::Serialize;

use crate::view::View;

/// The other end of a veth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Peer {
    /// Its name, where we may know it.
    name: Option<String>,
    ifindex: u32,
    /// Inode number of its network namespace, where that is found.
    netns: Option<u64>,
    /// What the input called that namespace, or `host`.
    target: Option<String>,
}

/// The namespaces in which other ends are looked for.
pub(crate) struct Wiring<'a> {
    home: &'a Place,
    views: &'a [View],
    /// All others, opened where those that were asked for are not enough.
    others: OnceCell<Vec<Namespace>>,
}

impl<'a> Wiring<'a> {
    pub(crate) fn new(home: &'a Place, views: &'a [View]) -> Self {
        Self { home, views, others: OnceCell::new() }
    }

    /// The other end of a link of `view`, if it has one.
    pub(crate) fn peer(&self, view: &View, link: &Link) -> Result<Option<Peer>> {
        let Some(ifindex) = link.lower.filter(|_| link.kind.as_deref() == Some("veth")) else {
            return Ok(None);
        };
        let id = match link.lower_nsid {
            None => Some(view.place.ns.id()),
            Some(nsid) => self.identify(&view.place, nsid)?,
        };
        let known = self.views.iter().find(|known| Some(known.place.ns.id()) == id);
        let name = match (known.and_then(|known| known.links.get(&ifindex)), link.lower_nsid) {
            (Some((peer, _)), _) => Some(peer.name.clone()),
            (None, Some(nsid)) => view.place.netlink.link_in(nsid, ifindex)?.map(|peer| peer.name),
            (None, None) => view.place.netlink.link_at(ifindex)?.map(|peer| peer.name),
        };
        let home = (Some(self.home.ns.id()) == id).then_some(self.home);
        let target = known.map(|known| &known.place).or(home).map(|place| place.label.clone());
        Ok(Some(Peer { name, ifindex, netns: id.map(|id| id.ino), target }))
    }

    /// The kernel numbers the namespaces that links of a namespace lead to, but does not tell which they are: one has to
    /// ask of each which number it has. Those that were asked for come first, which is nearly always enough.
    pub(crate) fn identify(&self, place: &Place, nsid: i32) -> Result<Option<NsId>> {
        let asked_for = self.views.iter().map(|view| &view.place.ns);
        for ns in std::iter::once(&self.home.ns).chain(asked_for) {
            if place.netlink.nsid_of(ns)? == Some(nsid) {
                return Ok(Some(ns.id()));
            }
        }
        // Not to know a name is no reason to tell nothing: whoever may not look at all processes sees fewer of them.
        let open = || {
            let found = netns::all().into_iter().flat_map(|census| census.found);
            found.filter_map(|found| found.open().ok()).collect()
        };
        for ns in self.others.get_or_init(open) {
            if place.netlink.nsid_of(ns)? == Some(nsid) {
                return Ok(Some(ns.id()));
            }
        }
        Ok(None)
    }
}
