//! A link as a record shows it.

use std::rc::Rc;

use nicon_core::link::Cidr;
use nicon_core::{Record, Result};
use nicon_rtnl::Link;
use nicon_rtnl::link::Stats;
use nicon_rtnl::packet_route::link::LinkFlags;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::args::Args;
use crate::view::{Listed, View};
use crate::wiring::{Peer, Wiring};

/// The flags by the names that `ip link` has for them, without RUNNING, which `operstate` shows better.
const FLAGS: [(LinkFlags, &str); 17] = [
    (LinkFlags::Loopback, "LOOPBACK"),
    (LinkFlags::Broadcast, "BROADCAST"),
    (LinkFlags::Pointopoint, "POINTOPOINT"),
    (LinkFlags::Multicast, "MULTICAST"),
    (LinkFlags::Noarp, "NOARP"),
    (LinkFlags::Allmulti, "ALLMULTI"),
    (LinkFlags::Promisc, "PROMISC"),
    (LinkFlags::Controller, "MASTER"),
    (LinkFlags::Port, "SLAVE"),
    (LinkFlags::Debug, "DEBUG"),
    (LinkFlags::Dynamic, "DYNAMIC"),
    (LinkFlags::Automedia, "AUTOMEDIA"),
    (LinkFlags::Portsel, "PORTSEL"),
    (LinkFlags::Notrailers, "NOTRAILERS"),
    (LinkFlags::Up, "UP"),
    (LinkFlags::LowerUp, "LOWER_UP"),
    (LinkFlags::Dormant, "DORMANT"),
];

/// A link: the record by which its network namespace was asked for, continued with what is known of the link. The fields
/// are those of docs/protocol.md.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Told {
    /// Without the fields that a run sets anew; see [`fields`].
    #[serde(flatten)]
    pub(crate) record: Rc<Record>,
    netns: u64,
    pub(crate) name: String,
    pub(crate) ifindex: u32,
    pub(crate) kind: Option<String>,
    pub(crate) mac: Option<String>,
    pub(crate) mtu: Option<u32>,
    flags: Vec<&'static str>,
    pub(crate) operstate: Option<String>,
    master: Option<Master>,
    alias: String,
    altnames: Vec<String>,
    pub(crate) addresses: Vec<Cidr>,
    movable: Option<bool>,
    pub(crate) peer: Option<Peer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stats: Option<Stats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) was: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<Destination>,
}

/// The bridge, bond or VRF that a link is a port of.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Master {
    /// Its name, unless it has vanished in the meantime.
    name: Option<String>,
    ifindex: u32,
}

/// Where a link was moved.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Destination {
    /// Inode number of the network namespace, if found.
    pub(crate) netns: Option<u64>,
    pub(crate) ifindex: Option<u32>,
}

impl Told {
    /// Its fields, as they will be written.
    pub(crate) fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }
}

/// The names of the fields that a run sets.
pub(crate) fn fields(args: &Args) -> Vec<String> {
    let all = Told {
        stats: args.stats.then(Stats::default),
        event: args.watch.then_some(""),
        was: args.watch.then(Map::new),
        to: args.watch.then(Destination::default),
        ..Told::default()
    };
    all.to_map().into_iter().map(|(field, _)| field).collect()
}

/// One link of a view.
pub(crate) fn tell(view: &View, listed: &Listed, wiring: &Wiring<'_>) -> Result<Told> {
    let Listed { link, addresses } = listed;
    Ok(Told {
        record: view.record.clone(),
        netns: view.place.ns.id().ino,
        name: link.name.clone(),
        ifindex: link.ifindex,
        kind: link.kind.clone(),
        mac: link.mac.clone(),
        mtu: link.mtu,
        flags: flags(link.flags),
        operstate: link.operstate.map(|state| state.to_string()),
        master: master(view, link)?,
        alias: link.alias.clone(),
        altnames: link.altnames.clone(),
        addresses: addresses.clone(),
        movable: link.immutable.map(|immutable| !immutable),
        peer: wiring.peer(view, link)?,
        stats: link.stats.clone().filter(|_| view.with_stats),
        ..Told::default()
    })
}

/// Names as `ip link` prints them.
fn flags(flags: LinkFlags) -> Vec<&'static str> {
    let no_carrier = flags.contains(LinkFlags::Up) && !flags.contains(LinkFlags::Running);
    let named = FLAGS.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name);
    no_carrier.then_some("NO-CARRIER").into_iter().chain(named).collect()
}

fn master(view: &View, link: &Link) -> Result<Option<Master>> {
    let Some(ifindex) = link.master else { return Ok(None) };
    let name = match view.links.get(&ifindex) {
        Some(master) => Some(master.link.name.clone()),
        None => view.place.netlink.link_at(ifindex)?.map(|master| master.name),
    };
    Ok(Some(Master { name, ifindex }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_read_as_ip_prints_them() {
        assert_eq!(flags(LinkFlags::Up | LinkFlags::Broadcast), ["NO-CARRIER", "BROADCAST", "UP"]);
        let up = LinkFlags::Up | LinkFlags::Running | LinkFlags::LowerUp;
        assert_eq!(flags(up), ["UP", "LOWER_UP"]);
        assert!(flags(LinkFlags::empty()).is_empty());
    }
}
