//! A link, as the kernel tells it.

use rtnetlink::packet_route::link::{
    InfoData, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, Prop, State as OperState, Stats64,
};

use nicon_core::link::mac;

/// What is looked at of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its interface index.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// Its type, such as `veth`; physical links and the loopback device have none.
    pub kind: Option<String>,
    /// Its hardware address as `ip link` prints it, where it has one.
    pub mac: Option<String>,
    /// Its alias (`ip link set alias`); empty where it has none.
    pub alias: String,
    /// Its alternative names.
    pub altnames: Vec<String>,
    /// The ifindex of the bridge, bond or VRF that it is a port of.
    pub master: Option<u32>,
    /// The greatest packet that it sends.
    pub mtu: Option<u32>,
    /// Its flags, `IFF_*` of linux/if.h.
    pub flags: LinkFlags,
    /// Its operational state (RFC 2863), where it is told.
    pub operstate: Option<OperState>,
    /// Whether it is bound to its network namespace; Linux 6.15 tells, older ones only when one tries to move it.
    pub immutable: Option<bool>,
    /// The ifindex of the link that it is the other end of, or lies on.
    pub lower: Option<u32>,
    /// The network namespace of that other link, as the namespace of this one numbers it; `None` where it is the same.
    pub lower_nsid: Option<i32>,
    /// The bus and the name of the device that it is the network side of, such as `pci` and `0000:01:00.0`.
    pub device: Option<(String, String)>,
    /// Where it has gone, in the news of its departure: network namespace and ifindex there.
    pub gone_to: Option<(i32, Option<u32>)>,
    /// What went through it, where it was asked for.
    pub stats: Option<Stats64>,
}

impl Link {
    /// Whether it is set up (`ip link set up`).
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.flags.contains(LinkFlags::Up)
    }
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Self {
        let flags = message.header.flags;
        // The loopback device has never been movable.
        let immutable = flags.contains(LinkFlags::Loopback).then_some(true);
        let mut link = Self { ifindex: message.header.index, flags, immutable, ..Self::default() };
        let (mut new_nsid, mut new_ifindex, mut bus, mut device, mut carrier) = (None, None, None, None, None);
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Address(bytes) if !bytes.is_empty() => link.mac = Some(mac::hex(&bytes)),
                LinkAttribute::IfAlias(alias) => link.alias = alias,
                LinkAttribute::Controller(ifindex) => link.master = Some(ifindex),
                LinkAttribute::Mtu(mtu) => link.mtu = Some(mtu),
                LinkAttribute::OperState(state) => link.operstate = Some(state),
                LinkAttribute::NetnsImmutable(immutable) => {
                    link.immutable = Some(immutable || link.immutable == Some(true));
                }
                LinkAttribute::PropList(props) => link.altnames.extend(props.into_iter().filter_map(altname)),
                LinkAttribute::LinkInfo(infos) => {
                    carrier = infos.iter().find_map(carrier_of_vxlan);
                    link.kind = infos.into_iter().find_map(kind);
                }
                LinkAttribute::ParentDevBusName(name) => bus = Some(name),
                LinkAttribute::ParentDevName(name) => device = Some(name),
                LinkAttribute::Link(ifindex) => link.lower = Some(ifindex),
                LinkAttribute::LinkNetNsId(nsid) => link.lower_nsid = Some(nsid),
                LinkAttribute::NewNetnsId(nsid) => new_nsid = Some(nsid),
                LinkAttribute::NewIfIndex(ifindex) => new_ifindex = u32::try_from(ifindex).ok(),
                LinkAttribute::Stats64(stats) => link.stats = Some(stats),
                _ => {}
            }
        }
        link.lower = link.lower.or(carrier);
        link.device = bus.zip(device);
        link.gone_to = new_nsid.map(|nsid| (nsid, new_ifindex));
        link
    }
}

fn altname(prop: Prop) -> Option<String> {
    match prop {
        Prop::AltIfName(name) => Some(name),
        _ => None,
    }
}

fn kind(info: LinkInfo) -> Option<String> {
    match info {
        LinkInfo::Kind(kind) => Some(kind.to_string()),
        _ => None,
    }
}

/// What a vxlan lies on: before Linux 6.9 there is no other attribute that tells.
fn carrier_of_vxlan(info: &LinkInfo) -> Option<u32> {
    let LinkInfo::Data(InfoData::Vxlan(data)) = info else { return None };
    data.iter().find_map(|part| match part {
        InfoVxlan::Link(ifindex) => Some(*ifindex),
        _ => None,
    })
}
