//! What a link loses when it changes its network namespace: its addresses, routes and permanent neighbours.

use std::net::{IpAddr, Ipv4Addr};

use nicon_core::{Error, Result};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use rtnetlink::packet_route::neighbour::NeighbourMessage;
use rtnetlink::packet_route::route::{RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteType};

use crate::address;
use crate::hex::{from_hex, to_hex};
use crate::neighbour;
use crate::netlink::Netlink;
use crate::prefsrc;
use crate::route::{Route, is_of_kernel, leads_through};

/// The addresses, routes and neighbours of one link, in the form in which the kernel reports and accepts them.
#[derive(Clone, Default)]
pub struct Carry {
    pub(crate) addresses: Vec<AddressMessage>,
    pub(crate) routes: Vec<RouteMessage>,
    neighbours: Vec<NeighbourMessage>,
    /// Routes that are not the link's alone, in short: see [`Carry::shared_routes`].
    shared_routes: Vec<String>,
    has_default_route: bool,
}

impl Carry {
    /// Reads them. Equivalent to `ip addr show dev LINK`, `ip route show table all dev LINK` and `ip neigh show nud permanent
    /// dev LINK`.
    ///
    /// # Errors
    /// If the kernel does not list them.
    pub fn read(netlink: &Netlink, ifindex: u32) -> Result<Self> {
        Ok(Self { neighbours: netlink.neighbours(ifindex)?, ..Self::read_without_neighbours(netlink, ifindex)? })
    }

    /// The same without the neighbours.
    ///
    /// # Errors
    /// If the kernel does not list them.
    pub fn read_without_neighbours(netlink: &Netlink, ifindex: u32) -> Result<Self> {
        let addresses = netlink.addresses(ifindex)?;
        let (mut addresses, mut latest_first): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|address| address.header.family == AddressFamily::Inet);
        // The kernel lists the latest IPv6 address first.
        latest_first.reverse();
        latest_first.retain(|address| !is_temporary(address));
        let sources = ipv4(&addresses);
        addresses.append(&mut latest_first);

        let (mut routes, mut shared_routes, mut has_default_route) = (Vec::new(), Vec::new(), false);
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let dependents = family == AddressFamily::Inet && !sources.is_empty();
            let listed = netlink.routes(family, (!dependents).then_some(ifindex))?;
            if dependents {
                shared_routes.extend(prefsrc::dependent(&sources, &listed, ifindex));
            }
            for route in listed {
                has_default_route |= is_default(&route) && leads_through(&route, ifindex);
                shared_routes.extend(shared(&route, ifindex));
                routes.extend(restorable(route, ifindex));
            }
        }
        // A gateway must be reachable before a route can lead through it.
        routes.sort_by_key(|route| route.attributes.iter().any(is_gateway));
        Ok(Self { addresses, routes, neighbours: Vec::new(), shared_routes, has_default_route })
    }

    /// These addresses and routes.
    pub(crate) fn of(addresses: Vec<AddressMessage>, routes: Vec<RouteMessage>) -> Self {
        Self { addresses, routes, ..Self::default() }
    }

    /// Restores them to the link, which must have its old ifindex, and be up if it was.
    ///
    /// # Errors
    /// The first that the kernel rejects.
    pub fn put_back(&self, netlink: &Netlink) -> Result<()> {
        self.requests().try_for_each(|(request, what)| netlink.put_entry(request).map_err(|error| error.context(&what)))
    }

    /// The requests that restore them, in order, each with what it does in words.
    pub fn requests(&self) -> impl Iterator<Item = (RouteNetlinkMessage, String)> {
        let addresses = self.addresses.iter().map(|address| {
            (RouteNetlinkMessage::NewAddress(address.clone()), format!("add address {}", address::cidr(address)))
        });
        let routes = self
            .routes
            .iter()
            .map(|route| (RouteNetlinkMessage::NewRoute(route.clone()), format!("add route {}", Route::from(route))));
        let neighbours = self.neighbours.iter().map(|known| {
            (RouteNetlinkMessage::NewNeighbour(known.clone()), format!("add neighbour {}", neighbour::text(known)))
        });
        addresses.chain(routes).chain(neighbours)
    }

    /// The part that is carried over to another namespace, addressed to the ifindex that the link has there. It leaves out the
    /// addresses that IPv6 derives from the hardware address, since they are derived again.
    #[must_use]
    pub fn along(&self, addresses: bool, routes: bool, ifindex: u32) -> Self {
        let mut along = Self::default();
        if addresses {
            along.addresses = self.addresses.iter().filter(|address| !is_automatic(address)).cloned().collect();
        }
        if routes {
            along.routes.clone_from(&self.routes);
        }
        for address in &mut along.addresses {
            address.header.index = ifindex;
        }
        for route in &mut along.routes {
            lead_through(route, ifindex);
        }
        along
    }

    /// Whether the default route of the main table leads through the link.
    #[must_use]
    pub fn has_default_route(&self) -> bool {
        self.has_default_route
    }

    /// The addresses by which the link joins multicast groups of IPv4 (`ip address add .. autojoin`). The kernel does not take
    /// them a second time while a link of the namespace is still in the group.
    #[must_use]
    pub fn joined(&self) -> Vec<String> {
        let cidrs = self.addresses.iter().map(address::cidr);
        cidrs
            .filter(|cidr| matches!(cidr.ip(), IpAddr::V4(ip) if ip.is_multicast()))
            .map(|cidr| cidr.to_string())
            .collect()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.routes.is_empty() && self.neighbours.is_empty()
    }

    /// The requests that restore them, each as a message of `netlink(7)` in hexadecimal: only the kernel's own form preserves
    /// labels, lifetimes, scopes and metrics.
    #[must_use]
    pub fn to_hex(&self) -> Vec<String> {
        self.requests().map(|(request, _)| to_hex(request)).collect()
    }

    /// Reads what [`Carry::to_hex`] wrote about a link with the ifindex `was`, and addresses it to `ifindex`.
    ///
    /// # Errors
    /// If a request is malformed, or is not about an address, route or neighbour of that link.
    pub fn from_hex(requests: &[String], was: u32, ifindex: u32) -> Result<Self> {
        let mut carry = Self::default();
        for request in requests {
            match from_hex(request) {
                Some(RouteNetlinkMessage::NewAddress(mut address)) if address.header.index == was => {
                    address.header.index = ifindex;
                    carry.addresses.push(address);
                }
                Some(RouteNetlinkMessage::NewRoute(mut route))
                    if route.attributes.contains(&RouteAttribute::Oif(was)) =>
                {
                    lead_through(&mut route, ifindex);
                    carry.routes.push(route);
                }
                Some(RouteNetlinkMessage::NewNeighbour(mut neighbour)) if neighbour.header.ifindex == was => {
                    neighbour.header.ifindex = ifindex;
                    carry.neighbours.push(neighbour);
                }
                _ => return Err(Error::failed(format!("\"{request}\" is nothing of link {was}"))),
            }
        }
        Ok(carry)
    }

    /// The addresses with their prefix lengths, as `ip addr` prints them.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.addresses.iter().map(|address| address::cidr(address).to_string()).collect()
    }

    /// The permanent neighbours, as `ip neigh` prints them.
    #[must_use]
    pub fn neighbours(&self) -> Vec<String> {
        self.neighbours.iter().map(neighbour::text).collect()
    }

    /// The routes that are not the link's alone: multipath routes of which it is one nexthop, which live on with the others, and
    /// routes of other links whose source address is the link's, which vanish with it.
    #[must_use]
    pub fn shared_routes(&self) -> &[String] {
        &self.shared_routes
    }

    /// The routes, apart from those that come with the addresses.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        self.routes.iter().map(Route::from).collect()
    }
}

/// A multipath route through this link, in short.
fn shared(route: &RouteMessage, ifindex: u32) -> Option<String> {
    let hops = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::MultiPath(hops) => Some(hops),
        _ => None,
    })?;
    let hop = hops.iter().find(|hop| hop.interface_index == ifindex)?;
    let mut alone = route.clone();
    alone.attributes.extend(hop.attributes.iter().filter(|attribute| is_gateway(attribute)).cloned());
    Some(format!("{} (one way of {})", Route::from(&alone), hops.len()))
}

/// The route in a form that can be requested again; `None` if it is another link's, or one that the kernel adds by itself.
fn restorable(mut route: RouteMessage, ifindex: u32) -> Option<RouteMessage> {
    if is_of_kernel(&route) || !route.attributes.contains(&RouteAttribute::Oif(ifindex)) {
        return None;
    }
    // The kernel reports a route's state, but does not accept it in a request.
    route.header.flags &= RouteFlags::Onlink;
    let expires = route.attributes.iter().find_map(expires);
    route
        .attributes
        // A nexthop object vanished with the link, but the gateway is in the route, too.
        .retain(|attribute| {
            use RouteAttribute::{CacheInfo, Expires, NhId};
            !matches!(attribute, CacheInfo(_) | Expires(_) | NhId(_))
        });
    route.attributes.extend(expires.map(RouteAttribute::Expires));
    Some(route)
}

/// In how many seconds a route expires. The kernel reports it in hundredths (`USER_HZ`), and 0 if it never does.
fn expires(attribute: &RouteAttribute) -> Option<u32> {
    match attribute {
        RouteAttribute::CacheInfo(info) if info.expires > 0 => Some(info.expires.div_ceil(100)),
        _ => None,
    }
}

fn lead_through(route: &mut RouteMessage, ifindex: u32) {
    route.attributes.retain(|attribute| !matches!(attribute, RouteAttribute::Oif(_)));
    route.attributes.push(RouteAttribute::Oif(ifindex));
}

fn is_default(route: &RouteMessage) -> bool {
    let header = &route.header;
    let main = header.table == RouteHeader::RT_TABLE_MAIN && header.kind == RouteType::Unicast;
    main && header.destination_prefix_length == 0
}

/// Whether the kernel adds it when the link comes up.
fn is_automatic(address: &AddressMessage) -> bool {
    address
        .attributes
        .iter()
        .any(|attribute| matches!(attribute, AddressAttribute::Address(IpAddr::V6(ip)) if ip.is_unicast_link_local()))
}

/// Whether IPv6 made it from another address of the link (RFC 8981), as it will again. Of IPv4 the same flag says "secondary".
fn is_temporary(address: &AddressMessage) -> bool {
    address.header.flags.contains(AddressHeaderFlags::Secondary)
}

fn ipv4(addresses: &[AddressMessage]) -> Vec<Ipv4Addr> {
    let attributes = addresses.iter().flat_map(|address| &address.attributes);
    let local = attributes.filter_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(ip)) => Some(*ip),
        _ => None,
    });
    local.collect()
}

fn is_gateway(attribute: &RouteAttribute) -> bool {
    matches!(attribute, RouteAttribute::Gateway(_) | RouteAttribute::Via(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_back_and_checked() {
        let RouteNetlinkMessage::NewAddress(address) = address::request(&"192.0.2.1/24".parse().unwrap(), 7, false)
        else {
            unreachable!("a request for an address")
        };
        let mut route = RouteMessage::default();
        route.header.address_family = AddressFamily::Inet;
        route.attributes.push(RouteAttribute::Oif(7));
        let written = Carry { addresses: vec![address], routes: vec![route], ..Carry::default() }.to_hex();
        let read = Carry::from_hex(&written, 7, 9).unwrap();
        assert_eq!((read.addresses(), read.addresses[0].header.index), (vec!["192.0.2.1/24".to_owned()], 9));
        assert_eq!(read.routes[0].attributes, [RouteAttribute::Oif(9)]);

        assert!(Carry::from_hex(&written, 8, 9).is_err(), "another link's");
        let flush = to_hex(RouteNetlinkMessage::DelRoute(RouteMessage::default()));
        for request in ["", "zz", "00", "ü", &written[0][..20], &flush] {
            assert!(Carry::from_hex(&[request.to_owned()], 7, 9).is_err(), "{request}");
        }
    }
}
