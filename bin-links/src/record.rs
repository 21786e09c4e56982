//! A link as a record shows it.

use std::collections::BTreeMap;
use std::rc::Rc;

use nicon_core::link::Cidr;
use nicon_core::{Record, Result};
use nicon_rtnl::link::Stats;
use nicon_rtnl::record::LinkFacts;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::listening::ListenerFacts;
use crate::listing::{ListedLink, Listing};
use crate::own_link::OwnLink;
use crate::wiring::{OtherLink, Wiring};

/// A link: the record that named its network namespace, with the link's facts added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct LinkRecord {
    #[serde(flatten)]
    pub(crate) record: Rc<Record>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listening: Option<Vec<ListenerFacts>>,
    pub(crate) nic: Nic,
}

/// What is known of a link. The fields are those of docs/protocol.md.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Nic {
    #[serde(flatten)]
    pub(crate) link: LinkFacts,
    pub(crate) master: Option<OwnLink>,
    pub(crate) addresses: Vec<Cidr>,
    pub(crate) peer: Option<OtherLink>,
    parent: Option<OtherLink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stats: Option<Stats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offloads: Option<BTreeMap<String, bool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) was: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<Destination>,
}

/// The inode number of the network namespace of a link, and its ifindex there.
pub(crate) type LinkId = (u64, u32);

/// Where a link was moved.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Destination {
    /// Inode number of the network namespace, if found.
    pub(crate) netns: Option<u64>,
    pub(crate) ifindex: Option<u32>,
}

impl Nic {
    /// The inode number of its network namespace and its ifindex.
    pub(crate) fn id(&self) -> LinkId {
        (self.link.netns, self.link.ifindex)
    }

    /// The other links that it tells of, as far as it is known where they are.
    pub(crate) fn others(&self) -> impl Iterator<Item = LinkId> {
        let master = self.master.as_ref().map(|master| (self.link.netns, master.ifindex));
        let tied = [&self.peer, &self.parent].into_iter().flatten();
        master.into_iter().chain(tied.filter_map(|other| Some((other.netns?, other.ifindex))))
    }

    /// Its fields, as they will be written.
    pub(crate) fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }
}

/// One link of a listing.
pub(crate) fn to_record(listing: &Listing, listed: &ListedLink, wiring: &Wiring<'_>) -> Result<LinkRecord> {
    let ListedLink { link, addresses } = listed;
    let nic = Nic {
        link: LinkFacts::new(link, listing.netns.ns.id().ino),
        master: link.master.map(|master| OwnLink::new(listing, master)).transpose()?,
        addresses: addresses.clone(),
        peer: wiring.peer(listing, link)?,
        parent: wiring.parent(listing, link)?,
        stats: link.stats.clone().filter(|_| listing.with_stats),
        offloads: if listing.with_offloads { listing.netns.features(link.ifindex)? } else { None },
        event: None,
        was: None,
        to: None,
    };
    Ok(LinkRecord { record: listing.record.clone(), listening: None, nic })
}
