//! Routes, as records show them and as they are requested.

use std::fmt;
use std::net::IpAddr;

use nicon_core::link::RouteSpec;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::Serialize;

/// A route through one link, as `ip -N route` shows it: protocol, scope and type are numbers from rtnetlink.h.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Where it leads, such as `192.0.2.0/24`; `0.0.0.0/0` and `::/0` are the default routes.
    dst: String,
    /// The gateway, where there is one.
    via: Option<IpAddr>,
    /// The preferred source address.
    src: Option<IpAddr>,
    table: u32,
    metric: Option<u32>,
    protocol: u8,
    scope: u8,
    #[serde(rename = "type")]
    kind: u8,
    /// Whether the gateway is taken to be on the link, whatever its address.
    onlink: bool,
}

impl Route {
    /// Whether it is the requested one, in the main table.
    #[must_use]
    pub fn is(&self, asked: &RouteSpec) -> bool {
        let main = u32::from(RouteHeader::RT_TABLE_MAIN);
        self.dst == asked.dst.to_string() && self.via == asked.via && self.table == main
    }
}

impl fmt::Display for Route {
    /// As `ip route` prints it, in short.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.dst)?;
        self.via.iter().try_for_each(|via| write!(f, " via {via}"))?;
        self.metric.iter().try_for_each(|metric| write!(f, " metric {metric}"))?;
        if self.table == u32::from(RouteHeader::RT_TABLE_MAIN) { Ok(()) } else { write!(f, " table {}", self.table) }
    }
}

impl From<&RouteMessage> for Route {
    fn from(message: &RouteMessage) -> Self {
        let header = &message.header;
        let mut route = Self {
            table: header.table.into(),
            protocol: header.protocol.into(),
            scope: header.scope.into(),
            kind: header.kind.into(),
            onlink: header.flags.contains(RouteFlags::Onlink),
            ..Self::default()
        };
        let mut to = if header.address_family == AddressFamily::Inet6 { "::" } else { "0.0.0.0" }.to_owned();
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(address) => to = ip(address).map_or(to, |ip| ip.to_string()),
                RouteAttribute::Gateway(address) => route.via = ip(address),
                RouteAttribute::PrefSource(address) => route.src = ip(address),
                RouteAttribute::Table(table) => route.table = *table,
                RouteAttribute::Priority(metric) => route.metric = Some(*metric),
                _ => {}
            }
        }
        route.dst = format!("{to}/{}", header.destination_prefix_length);
        route
    }
}

/// The request that gives a route to a link. Equivalent to `ip route replace DST via GATEWAY dev LINK`.
#[must_use]
pub fn request(route: &RouteSpec, ifindex: u32) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = if route.dst.ip().is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.destination_prefix_length = route.dst.prefix_len();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Boot;
    message.header.kind = RouteType::Unicast;
    message.header.scope =
        if route.via.is_none() && route.dst.ip().is_ipv4() { RouteScope::Link } else { RouteScope::Universe };
    message.attributes.push(RouteAttribute::Oif(ifindex));
    if route.dst.prefix_len() > 0 {
        message.attributes.push(RouteAttribute::Destination(address(route.dst.ip())));
    }
    message.attributes.extend(route.via.map(|via| RouteAttribute::Gateway(address(via))));
    RouteNetlinkMessage::NewRoute(message)
}

fn address(ip: IpAddr) -> RouteAddress {
    match ip {
        IpAddr::V4(ip) => RouteAddress::Inet(ip),
        IpAddr::V6(ip) => RouteAddress::Inet6(ip),
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}
