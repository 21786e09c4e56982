//! Routes, as records show them and as they are requested.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;

use nicon_core::Result;
use nicon_core::link::RouteSpec;
use nicon_core::link::route::in_words;
use nix::errno::Errno;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::Serialize;

use crate::link::Link;
use crate::netlink::Netlink;
use crate::once;
use crate::protocol;

/// The metric of an IPv6 route for which none was requested: `IP6_RT_PRIO_USER` of `linux/ipv6_route.h`.
const IP6_RT_PRIO_USER: u32 = 1024;

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
        f.write_str(&in_words(&self.dst, self.via))?;
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

impl Netlink {
    /// Where the first of `requests` leads whose place another route has: no request that replaces nothing adds that one.
    /// Routes of the link `own` are not in its way.
    ///
    /// # Errors
    /// If the kernel does not list the routes.
    pub fn taken_route(&self, requests: &[RouteMessage], own: Option<u32>) -> Result<Option<String>> {
        let mut taken = HashSet::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            if requests.iter().any(|request| request.header.address_family == family) {
                let others = self.routes(family, None)?.into_iter();
                let others =
                    others.filter(|route| own.is_none_or(|own| !route.attributes.contains(&RouteAttribute::Oif(own))));
                taken.extend(others.map(|route| place(&route)));
            }
        }
        let request = requests.iter().find(|request| taken.contains(&place(request)));
        Ok(request.map(|request| Route::from(request).dst))
    }

    /// Those of the requested routes that a link does not have, not even as one that the kernel made with an address.
    ///
    /// # Errors
    /// If the kernel does not list the routes.
    pub fn lacking_routes<'a>(&self, asked: &'a [RouteSpec], ifindex: u32) -> Result<Vec<&'a RouteSpec>> {
        let mut lacking: Vec<_> = asked.iter().collect();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            if lacking.iter().any(|asked| self::family(asked) == family) {
                let present = self.routes(family, Some(ifindex))?;
                lacking.retain(|asked| !present.iter().any(|route| stands_for(route, asked, ifindex)));
            }
        }
        Ok(lacking)
    }

    /// The link by which the kernel sends what is for an address; `None` if there is no way. Equivalent to `ip route get IP`.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn way_to(&self, ip: IpAddr) -> Result<Option<Link>> {
        let mut question = RouteMessage::default();
        question.header.address_family = if ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        question.header.destination_prefix_length = if ip.is_ipv4() { 32 } else { 128 };
        question.attributes.push(RouteAttribute::Destination(match ip {
            IpAddr::V4(ip) => RouteAddress::Inet(ip),
            IpAddr::V6(ip) => RouteAddress::Inet6(ip),
        }));
        let answers = match self.exchange(RouteNetlinkMessage::GetRoute(question), 0) {
            Err(error) if [Errno::ENETUNREACH, Errno::EHOSTUNREACH].contains(&error.errno) => return Ok(None),
            answers => answers.map_err(|error| error.context(&format!("ask for the way to {ip}")))?,
        };
        let out = answers.into_iter().find_map(|answer| match answer {
            RouteNetlinkMessage::NewRoute(route) => {
                route.attributes.into_iter().find_map(|attribute| match attribute {
                    RouteAttribute::Oif(ifindex) => Some(ifindex),
                    _ => None,
                })
            }
            _ => None,
        });
        out.map_or(Ok(None), |ifindex| self.link_at(ifindex))
    }

    /// The routes of a family, in all tables, of one link or of all.
    ///
    /// # Errors
    /// If the kernel does not list them.
    pub(crate) fn routes(&self, family: AddressFamily, ifindex: Option<u32>) -> Result<Vec<RouteMessage>> {
        let Some(once) = &self.once else { return self.list_routes(family, ifindex) };
        let all = once::list(&once.routes, || self.list_routes(AddressFamily::Unspec, None))?.iter();
        let all = all.filter(|route| route.header.address_family == family);
        let is_of_link = |route: &&RouteMessage| ifindex.is_none_or(|ifindex| leads_through(route, ifindex));
        Ok(all.filter(is_of_link).cloned().collect())
    }

    fn list_routes(&self, family: AddressFamily, ifindex: Option<u32>) -> Result<Vec<RouteMessage>> {
        let mut question = RouteMessage::default();
        question.header.address_family = family;
        question.attributes.extend(ifindex.map(RouteAttribute::Oif));
        let answers = self.dump(RouteNetlinkMessage::GetRoute(question));
        let answers = answers.map_err(|error| error.context("list routes"))?.into_iter();
        Ok(answers
            .filter_map(|answer| match answer {
                RouteNetlinkMessage::NewRoute(route) => Some(route),
                _ => None,
            })
            .collect())
    }
}

/// Whether a route of a link is the requested one. One that somebody else made counts whatever its metric is, and the kernel's own
/// only if there is no place for another beside it.
fn stands_for(route: &RouteMessage, asked: &RouteSpec, ifindex: u32) -> bool {
    let RouteNetlinkMessage::NewRoute(request) = request(asked, ifindex) else { return false };
    route.attributes.contains(&RouteAttribute::Oif(ifindex))
        && Route::from(route).is(asked)
        && (!is_of_kernel(route) || place(route) == place(&request))
}

/// Whether a route leads through a link, be it as one of several.
pub(crate) fn leads_through(route: &RouteMessage, ifindex: u32) -> bool {
    route.attributes.iter().any(|attribute| match attribute {
        RouteAttribute::Oif(oif) => *oif == ifindex,
        RouteAttribute::MultiPath(hops) => hops.iter().any(|hop| hop.interface_index == ifindex),
        _ => false,
    })
}

/// Whether the kernel added a route by itself: with an address, or since a router advertised it.
pub(crate) fn is_of_kernel(route: &RouteMessage) -> bool {
    matches!(route.header.protocol, RouteProtocol::Kernel | RouteProtocol::Ra)
}

/// What two routes cannot have in common: table, destination, type of service and metric (`fib_table_insert` in
/// `net/ipv4/fib_trie.c`, `fib6_add_rt2node` in `net/ipv6/ip6_fib.c`).
fn place(message: &RouteMessage) -> (u32, String, u8, u32) {
    let Route { table, dst, metric, .. } = Route::from(message);
    let default = if message.header.address_family == AddressFamily::Inet6 { IP6_RT_PRIO_USER } else { 0 };
    (table, dst, message.header.tos, metric.unwrap_or(default))
}

/// The request that gives a route to a link, marked as nicon's. Equivalent to `ip route add DST via GATEWAY dev LINK proto 110`.
#[must_use]
pub fn request(route: &RouteSpec, ifindex: u32) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(route);
    message.header.destination_prefix_length = route.dst.prefix_len();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = protocol::of_route();
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

fn family(route: &RouteSpec) -> AddressFamily {
    if route.dst.ip().is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
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
