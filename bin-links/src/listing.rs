//! A network namespace that is listed.

use std::collections::BTreeMap;
use std::rc::Rc;

use nicon_core::link::Cidr;
use nicon_core::machine::Machine;
use nicon_core::{Record, Result};
use nicon_rtnl::listening::LISTENING;
use nicon_rtnl::record::NIC;
use nicon_rtnl::{Link, NetnsHandle};

use crate::args::Args;

/// A network namespace, and the record that each of its links continues.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Listing {
    pub(crate) record: Rc<Record>,
    pub(crate) netns: NetnsHandle,
    pub(crate) origin: Origin,
    /// Its links by ifindex.
    pub(crate) links: BTreeMap<u32, ListedLink>,
    /// Whether they stayed the same while they were listed.
    pub(crate) settled: bool,
    /// Whether their counters are shown.
    pub(crate) with_stats: bool,
    /// Whether their offloads are shown.
    pub(crate) with_offloads: bool,
}

/// Where a listing comes from, which decides what is told of its end on standard error.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Origin {
    /// Somebody asked for it by name: its end is told.
    Asked,
    /// It was found, and nobody asked for it by name: nothing is told.
    Found,
    /// A stream follows its container, and tells of its end itself: only failures are told.
    Streamed,
}

/// A link and its addresses.
pub(crate) struct ListedLink {
    pub(crate) link: Box<Link>,
    pub(crate) addresses: Vec<Cidr>,
}

impl Listing {
    /// Looks at the links if they are asked for. Those that are watched are listed once the watch has begun.
    pub(crate) fn new(mut record: Record, netns: NetnsHandle, args: &Args) -> Result<Self> {
        record.remove(NIC);
        record.remove(LISTENING);
        // The numbers of namespaces and links mean nothing elsewhere.
        Machine::this()?.complete(&mut record);
        let (with_stats, with_offloads) = (args.stats, args.offloads);
        let (record, links) = (record.into(), BTreeMap::new());
        let mut listing =
            Self { record, netns, origin: Origin::Asked, links, settled: false, with_stats, with_offloads };
        if !args.watch && args.asks_for_links() {
            listing.list(args)?;
        }
        Ok(listing)
    }

    /// Looks at the links as they are now. Addresses that are the same as before keep their order.
    pub(crate) fn list(&mut self, args: &Args) -> Result<()> {
        let links = self.netns.netlink.links(args.kind.as_deref())?;
        let addresses = self.netns.netlink.all_addresses()?;
        self.settled = links.settled && addresses.settled;
        let listed = |link: Box<Link>| (link.ifindex, ListedLink { link, addresses: Vec::new() });
        let before = std::mem::replace(&mut self.links, links.entries.into_iter().map(listed).collect());
        for (ifindex, address) in addresses.entries {
            if let Some(listed) = self.links.get_mut(&ifindex) {
                listed.addresses.push(address);
            }
        }
        for (ifindex, ListedLink { addresses, .. }) in before {
            if let Some(listed) = self.links.get_mut(&ifindex)
                && listed.addresses.len() == addresses.len()
                && listed.addresses.iter().all(|address| addresses.contains(address))
            {
                listed.addresses = addresses;
            }
        }
        Ok(())
    }
}
