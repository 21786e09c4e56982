//! The facts about a link in a record: its field `nic`.

use std::net::IpAddr;

use nicon_core::Record;
use nicon_core::filter::column::{Column, least};
use nicon_core::link::kind::{Settings, Vxlan};
use nicon_core::record::cell;
use rtnetlink::packet_route::link::LinkFlags;
use serde::Serialize;

use crate::link::Link;

/// The name of the field.
pub const NIC: &str = "nic";

/// Where a link is: what messages call its process.
pub const TARGET: Column = Column::new("TARGET", label).at_least(least::TARGET);
/// Its name.
pub const NAME: Column = Column::new("NAME", |record| fact(record, "name"));
/// Its interface index.
pub const IFINDEX: Column = Column::new("IFINDEX", |record| fact(record, "ifindex"));
/// Its hardware address.
pub const MAC: Column = Column::new("MAC", |record: &Record| fact(record, "mac")).at_least(least::MAC);

/// What messages call a record's process: the requested path, or its PID.
#[must_use]
pub fn label(record: &Record) -> String {
    match record.text("target") {
        Ok(Some(target)) => target.to_owned(),
        _ => format!("process {}", record.cell("pid")),
    }
}

fn fact(record: &Record, field: &str) -> String {
    cell(record.get(NIC).and_then(|nic| nic.get(field)))
}

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

/// The facts that one answer of the kernel has. The fields are those of `nic` in docs/protocol.md.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LinkFacts {
    /// Its name.
    pub name: String,
    /// Its interface index.
    pub ifindex: u32,
    /// Inode number of its network namespace.
    pub netns: u64,
    /// Its type, such as `veth`; physical links have none.
    pub kind: Option<String>,
    /// What only links of its kind have.
    #[serde(flatten)]
    pub settings: SettingsFacts,
    /// Its hardware address.
    pub mac: Option<String>,
    /// Its MTU, in bytes.
    pub mtu: Option<u32>,
    /// Its flags, as `ip link` prints them.
    pub flags: Vec<&'static str>,
    /// Its operational state (RFC 2863), as `ip link` prints it.
    pub operstate: Option<String>,
    /// Its alias; empty where it has none.
    pub alias: String,
    /// Its alternative names.
    pub altnames: Vec<String>,
    /// Whether it can change its network namespace, where the kernel says so (Linux 6.15).
    pub movable: Option<bool>,
}

impl LinkFacts {
    /// The facts about a link in the network namespace that has the inode number `netns`.
    #[must_use]
    pub fn new(link: &Link, netns: u64) -> Self {
        Self {
            name: link.name.clone(),
            ifindex: link.ifindex,
            netns,
            kind: link.kind.clone(),
            settings: link.settings.as_ref().map(SettingsFacts::new).unwrap_or_default(),
            mac: link.mac.clone(),
            mtu: link.mtu,
            flags: flags(link.flags),
            operstate: link.operstate.map(|state| state.to_string()),
            alias: link.alias.clone(),
            altnames: link.altnames.clone(),
            movable: link.immutable.map(|immutable| !immutable),
        }
    }
}

/// What only links of one kind have.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SettingsFacts {
    /// Of a VLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<VlanFacts>,
    /// Of a VXLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vxlan: Option<VxlanFacts>,
    /// Of a macvlan, macvtap or ipvlan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// A VLAN.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VlanFacts {
    /// Its number.
    pub id: u16,
    /// How its packets are tagged.
    pub protocol: String,
}

/// A VXLAN.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VxlanFacts {
    /// Its number.
    pub vni: u32,
    /// The host at the other end, or a multicast group.
    pub remote: Option<IpAddr>,
    /// The address that it sends from.
    pub local: Option<IpAddr>,
    /// UDP port of the other end.
    pub dst_port: u16,
}

impl SettingsFacts {
    fn new(settings: &Settings) -> Self {
        let mut facts = Self::default();
        match settings {
            Settings::Macvlan(mode) | Settings::Macvtap(mode) => facts.mode = Some(mode.to_string()),
            Settings::Ipvlan(mode) => facts.mode = Some(mode.to_string()),
            Settings::Vlan(vlan) => {
                facts.vlan = Some(VlanFacts { id: vlan.id, protocol: vlan.protocol.to_string() });
            }
            Settings::Vxlan(vxlan) => {
                let Vxlan { vni, remote, local, dst_port, .. } = *vxlan;
                facts.vxlan = Some(VxlanFacts { vni, remote, local, dst_port });
            }
            Settings::Bridge { .. } | Settings::Dummy | Settings::Wireguard => {}
        }
        facts
    }
}

/// Names as `ip link` prints them.
fn flags(flags: LinkFlags) -> Vec<&'static str> {
    let no_carrier = flags.contains(LinkFlags::Up) && !flags.contains(LinkFlags::Running);
    let named = FLAGS.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name);
    no_carrier.then_some("NO-CARRIER").into_iter().chain(named).collect()
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
