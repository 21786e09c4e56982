//! Addresses of links.

use std::net::{IpAddr, Ipv4Addr};

use nicon_core::link::Cidr;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::protocol;

/// The request that gives an address to a link, marked as nicon's. Equivalent to `ip addr replace CIDR dev LINK`. With `nodad`, one of
/// IPv6 is used without duplicate address detection.
#[must_use]
pub fn request(address: &Cidr, ifindex: u32, nodad: bool) -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.family = if address.ip().is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = address.prefix_len();
    message.header.index = ifindex;
    message.attributes.push(AddressAttribute::Local(address.ip()));
    message.attributes.push(AddressAttribute::Address(address.ip()));
    message.attributes.push(protocol::of_address());
    if nodad && address.ip().is_ipv6() {
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    RouteNetlinkMessage::NewAddress(message)
}

/// The address in a message. `IFA_LOCAL` is the link's own; without it, as in IPv6, `IFA_ADDRESS` is.
#[must_use]
pub fn cidr(message: &AddressMessage) -> Cidr {
    let (mut local, mut address) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            _ => {}
        }
    }
    let ip = local.or(address).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    Cidr::new(ip, message.header.prefix_len)
}
