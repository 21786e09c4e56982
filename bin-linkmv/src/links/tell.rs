//! A link as a record tells it.

use nicon_core::link::Cidr;
use nicon_core::{Record, Result};
use nicon_linkmv::Link;
use rtnetlink::packet_route::link::LinkFlags;
use serde_json::{Value, json};

use crate::view::View;
use crate::wiring::Wiring;

/// The flags by the names that `ip link` has for them, without RUNNING, which `operstate` tells better.
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

/// The view's record, continued with what is known of one of its links.
pub(crate) fn tell(view: &View, link: &Link, addresses: &[Cidr], wiring: &Wiring<'_>) -> Result<Record> {
    let mut record = view.record.clone();
    record.set("netns", view.place.ns.id().ino);
    record.set("name", &link.name);
    record.set("ifindex", link.ifindex);
    record.set("kind", &link.kind);
    record.set("mac", &link.mac);
    record.set("mtu", link.mtu);
    record.set("flags", flags(link.flags));
    record.set("operstate", link.operstate.map(|state| state.to_string()));
    record.set("master", master(view, link)?);
    record.set("alias", &link.alias);
    record.set("altnames", &link.altnames);
    record.set("addresses", addresses.iter().map(Cidr::to_string).collect::<Vec<_>>());
    record.set("movable", link.immutable.map(|immutable| !immutable));
    record.set("peer", wiring.peer(view, link)?);
    if let Some(stats) = &link.stats {
        let side = |bytes: u64, packets: u64, errors: u64, dropped: u64| json!({ "bytes": bytes, "packets": packets, "errors": errors, "dropped": dropped });
        record.set(
            "stats",
            json!({
                "rx": side(stats.rx_bytes, stats.rx_packets, stats.rx_errors, stats.rx_dropped),
                "tx": side(stats.tx_bytes, stats.tx_packets, stats.tx_errors, stats.tx_dropped),
            }),
        );
    }
    Ok(record)
}

/// Names as `ip link` prints them.
fn flags(flags: LinkFlags) -> Vec<&'static str> {
    let no_carrier = flags.contains(LinkFlags::Up) && !flags.contains(LinkFlags::Running);
    let named = FLAGS.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name);
    no_carrier.then_some("NO-CARRIER").into_iter().chain(named).collect()
}

fn master(view: &View, link: &Link) -> Result<Value> {
    let Some(ifindex) = link.master else { return Ok(Value::Null) };
    let name = match view.links.get(&ifindex) {
        Some((master, _)) => Some(master.name.clone()),
        None => view.place.netlink.link_at(ifindex)?.map(|master| master.name),
    };
    Ok(json!({ "name": name, "ifindex": ifindex }))
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
