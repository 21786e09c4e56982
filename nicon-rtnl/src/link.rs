//! A link, as the kernel reports it.

use nicon_core::link::kind::Settings;
use rtnetlink::packet_route::link::{LinkFlags, State as OperState};
use serde::Serialize;

/// What nicon reads of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its interface index.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// Its type, such as `veth`; physical links and the loopback device have none.
    pub kind: Option<String>,
    /// What only links of its kind have, if it is one of those that nicon makes.
    pub settings: Option<Settings>,
    /// Its hardware address as `ip link` prints it, where it has one.
    pub mac: Option<String>,
    /// Its alias (`ip link set alias`); empty where it has none.
    pub alias: String,
    /// Its alternative names.
    pub altnames: Vec<String>,
    /// The ifindex of the bridge, bond or VRF that it is a port of.
    pub master: Option<u32>,
    /// Its MTU, in bytes.
    pub mtu: Option<u32>,
    /// The kind of its root queueing discipline, such as `noqueue`.
    pub qdisc: String,
    /// The group that it is in (`ip link set group`).
    pub group: u32,
    /// Its flags, `IFF_*` of linux/if.h.
    pub flags: LinkFlags,
    /// Its operational state (RFC 2863), if the kernel reports it.
    pub operstate: Option<OperState>,
    /// How often its driver has changed its carrier.
    pub carrier_changes: u32,
    /// Whether it is bound to its network namespace; reported since Linux 6.15, before that only by a refused move.
    pub immutable: Option<bool>,
    /// The ifindex of the link that it is the other end of, or is stacked on; of an end of a veth it may be missing while the
    /// pair is made or removed.
    pub lower: Option<u32>,
    /// The network namespace of that other link, as the namespace of this one numbers it; `None` if it is the same.
    pub lower_nsid: Option<i32>,
    /// The ifindexes of the links of its own network namespace that an HSR or PRP ring consists of.
    pub ring: Vec<u32>,
    /// The bus and the name of the device that it is the network side of, such as `pci` and `0000:01:00.0`.
    pub device: Option<(String, String)>,
    /// Where it was moved, in the event of its departure: network namespace and ifindex there.
    pub gone_to: Option<(i32, Option<u32>)>,
    /// Its traffic counters.
    pub stats: Option<Stats>,
}

/// The traffic of a link since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// What it received.
    pub rx: Counters,
    /// What it sent.
    pub tx: Counters,
}

/// The traffic of a link in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Bytes of whole packets.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Packets that were damaged or could not be sent.
    pub errors: u64,
    /// Packets for which there was no room.
    pub dropped: u64,
}

impl Link {
    /// Whether it is set up (`ip link set up`).
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.flags.contains(LinkFlags::Up)
    }

    /// Whether it has a carrier, and the kernel has acted on that: until then it drops all that it is to send, and a bridge does
    /// not know that its port has one. A link whose driver knows no carriers has none to wait for
    /// (Documentation/networking/operstates.rst; `linkwatch_do_dev` of `net/core/link_watch.c`).
    #[must_use]
    pub fn has_carrier(&self) -> bool {
        let has_acted = match self.operstate {
            None | Some(OperState::Up) => true,
            Some(OperState::Unknown) => self.carrier_changes == 0,
            Some(_) => false,
        };
        self.flags.contains(LinkFlags::LowerUp) && has_acted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carrier_is_one_when_the_kernel_has_acted_on_it() {
        let link = |operstate, carrier_changes, flags| Link { flags, operstate, carrier_changes, ..Link::default() };
        let up = LinkFlags::Up | LinkFlags::LowerUp;
        for (operstate, carrier_changes) in [(Some(OperState::Up), 2), (Some(OperState::Unknown), 0), (None, 0)] {
            assert!(link(operstate, carrier_changes, up).has_carrier(), "{operstate:?}");
            assert!(!link(operstate, carrier_changes, LinkFlags::Up).has_carrier(), "{operstate:?}");
        }
        // A veth whose peer has just been set up, before the kernel has noticed.
        for operstate in [OperState::Unknown, OperState::Down, OperState::LowerLayerDown, OperState::Dormant] {
            assert!(!link(Some(operstate), 2, up).has_carrier(), "{operstate:?}");
        }
    }
}
