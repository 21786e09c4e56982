//! Parses links and addresses, and of each message only the attributes that are used.

use nicon_core::link::kind::Settings;
use nicon_core::link::{Cidr, mac};
use nix::libc;
use rtnetlink::packet_core::{
    DecodeError, NetlinkDeserializable, NetlinkHeader, Parseable, parse_i32, parse_string, parse_u8, parse_u32,
};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkFlags, LinkHeader};

use crate::address;
use crate::attribute::{attributes, value};
use crate::kind::has_no_lower;
use crate::link::{Counters, Link, Stats};
use crate::settings;

/// Length of the `ifinfomsg` that precedes the attributes of a link, in bytes; see `rtnetlink(7)`.
pub(crate) const LINK_HEADER: usize = 16;

/// Length of the `rtgenmsg` that precedes the attributes of a message about a number, in bytes, with its padding; and the
/// number: `linux/rtnetlink.h`, `linux/net_namespace.h`.
const NSID_HEADER: usize = 4;
const NETNSA_NSID: u16 = 1;

/// Whether a link is bound to its network namespace; `linux/if_link.h`, since Linux 6.15.
const IFLA_NETNS_IMMUTABLE: u16 = 67;

/// The underlying link of a VXLAN, within `IFLA_LINKINFO`.
const IFLA_VXLAN_LINK: u16 = 3;

/// The two links of an HSR or PRP ring, and the one to another ring, within `IFLA_LINKINFO`.
const IFLA_HSR_PORTS: [u16; 3] = [1, 2, 8];

/// One message.
pub(crate) enum Entry {
    Link(Box<Link>),
    LinkGone(Box<Link>),
    /// The ifindex of its link, and the address.
    Address(u32, Cidr),
    AddressGone(u32, Cidr),
    /// The number of a network namespace, which was given or taken away.
    Number(i32),
    Other,
}

impl NetlinkDeserializable for Entry {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        match header.message_type {
            // Bridges report their ports with the same message types.
            libc::RTM_NEWLINK | libc::RTM_DELLINK if payload.first() != Some(&u8::from(AddressFamily::Unspec)) => {
                Ok(Self::Other)
            }
            libc::RTM_NEWLINK => Ok(Self::Link(Box::new(link(payload)?))),
            libc::RTM_DELLINK => Ok(Self::LinkGone(Box::new(link(payload)?))),
            libc::RTM_NEWADDR => address(payload).map(|(ifindex, address)| Self::Address(ifindex, address)),
            libc::RTM_DELADDR => address(payload).map(|(ifindex, address)| Self::AddressGone(ifindex, address)),
            libc::RTM_NEWNSID | libc::RTM_DELNSID => Ok(nsid(payload)?.map_or(Self::Other, Self::Number)),
            _ => Ok(Self::Other),
        }
    }
}

fn nsid(payload: &[u8]) -> Result<Option<i32>, DecodeError> {
    value(payload.get(NSID_HEADER..).unwrap_or_default(), NETNSA_NSID).map(parse_i32).transpose()
}

fn link(payload: &[u8]) -> Result<Link, DecodeError> {
    let header = LinkHeader::parse(payload)?;
    let mut link = Link { ifindex: header.index, flags: header.flags, ..Link::default() };
    let (mut bus, mut device, mut new_nsid, mut new_ifindex) = (None, None, None, None);
    let mut info = Info::default();
    for (kind, value) in attributes(payload.get(LINK_HEADER..).unwrap_or_default()) {
        match kind {
            libc::IFLA_IFNAME => link.name = parse_string(value)?,
            libc::IFLA_ADDRESS if !value.is_empty() => link.mac = Some(mac::hex(value)),
            libc::IFLA_IFALIAS => link.alias = parse_string(value)?,
            libc::IFLA_MASTER => link.master = ifindex(value)?,
            libc::IFLA_QDISC => link.qdisc = parse_string(value)?,
            libc::IFLA_GROUP => link.group = parse_u32(value)?,
            libc::IFLA_MTU => link.mtu = Some(parse_u32(value)?),
            libc::IFLA_OPERSTATE => link.operstate = Some(parse_u8(value)?.into()),
            libc::IFLA_CARRIER_CHANGES => link.carrier_changes = parse_u32(value)?,
            IFLA_NETNS_IMMUTABLE => link.immutable = Some(parse_u8(value)? > 0),
            libc::IFLA_PROP_LIST => link.altnames = altnames(value)?,
            libc::IFLA_LINKINFO => info = Info::parse(value)?,
            libc::IFLA_LINK => link.lower = ifindex(value)?,
            libc::IFLA_LINK_NETNSID => link.lower_nsid = Some(parse_i32(value)?),
            libc::IFLA_NEW_NETNSID => new_nsid = Some(parse_i32(value)?),
            libc::IFLA_NEW_IFINDEX => new_ifindex = ifindex(value)?,
            libc::IFLA_STATS64 => link.stats = stats(value),
            libc::IFLA_PARENT_DEV_NAME => device = Some(parse_string(value)?),
            libc::IFLA_PARENT_DEV_BUS_NAME => bus = Some(parse_string(value)?),
            _ => {}
        }
    }
    if header.flags.contains(LinkFlags::Loopback) {
        // The loopback device has never been movable.
        link.immutable = Some(true);
    }
    let Info { kind, settings, carrier, ring } = info;
    match kind.as_deref() {
        // Before Linux 6.9, `IFLA_LINK` of a VXLAN is its own ifindex if it is in another namespace, and is missing otherwise.
        Some("vxlan") => link.lower = carrier,
        Some(kind) if has_no_lower(kind) => link.lower = None,
        _ => {}
    }
    (link.kind, link.settings, link.ring) = (kind, settings, ring);
    link.device = bus.zip(device);
    link.gone_to = new_nsid.map(|nsid| (nsid, new_ifindex));
    Ok(link)
}

/// The ifindex of another link. The kernel reports 0, which is none, for an end of a veth that is not connected to the other
/// yet, or not any more.
fn ifindex(value: &[u8]) -> Result<Option<u32>, DecodeError> {
    Ok(Some(parse_u32(value)?).filter(|ifindex| *ifindex > 0))
}

fn altnames(properties: &[u8]) -> Result<Vec<String>, DecodeError> {
    let names = attributes(properties).filter(|(kind, _)| *kind == libc::IFLA_ALT_IFNAME);
    names.map(|(_, name)| parse_string(name)).collect()
}

/// What `IFLA_LINKINFO` has.
#[derive(Default)]
struct Info {
    kind: Option<String>,
    settings: Option<Settings>,
    /// The underlying link of a VXLAN.
    carrier: Option<u32>,
    /// The links of an HSR or PRP ring.
    ring: Vec<u32>,
}

impl Info {
    fn parse(infos: &[u8]) -> Result<Self, DecodeError> {
        let kind = value(infos, libc::IFLA_INFO_KIND).map(parse_string).transpose()?;
        let data = value(infos, libc::IFLA_INFO_DATA).unwrap_or_default();
        let of = |attribute| value(data, attribute).map_or(Ok(None), ifindex);
        let (mut carrier, mut ring) = (None, Vec::new());
        match kind.as_deref() {
            Some("vxlan") => carrier = of(IFLA_VXLAN_LINK)?,
            Some("hsr") => {
                for port in IFLA_HSR_PORTS {
                    ring.extend(of(port)?);
                }
            }
            _ => {}
        }
        let settings = kind.as_deref().and_then(|kind| settings::parse(kind, data));
        Ok(Self { kind, settings, carrier, ring })
    }
}

/// The counters of `struct rtnl_link_stats64` (`linux/if_link.h`) that are used; they are its first members.
fn stats(counters: &[u8]) -> Option<Stats> {
    let (counters, _) = counters.as_chunks::<8>();
    let counters = counters.first_chunk::<8>()?.map(u64::from_ne_bytes);
    let [rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped] = counters;
    Some(Stats {
        rx: Counters { bytes: rx_bytes, packets: rx_packets, errors: rx_errors, dropped: rx_dropped },
        tx: Counters { bytes: tx_bytes, packets: tx_packets, errors: tx_errors, dropped: tx_dropped },
    })
}

fn address(payload: &[u8]) -> Result<(u32, Cidr), DecodeError> {
    let message = AddressMessage::parse(payload)?;
    Ok((message.header.index, address::cidr(&message)))
}
