//! What a link loses when it changes its network namespace: its addresses and routes.

use nicon_core::Result;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::route::{RouteAttribute, RouteFlags, RouteMessage, RouteProtocol};

use crate::cidr::Cidr;
use crate::netlink::Netlink;
use crate::route::Route;

/// The addresses and routes of one link, as the kernel told them and takes them back.
pub struct Carry {
    addresses: Vec<AddressMessage>,
    routes: Vec<RouteMessage>,
}

impl Carry {
    /// Reads them. Equivalent to `ip addr show dev LINK` and `ip route show table all dev LINK`.
    ///
    /// # Errors
    /// Where the kernel does not tell them.
    pub async fn read(netlink: &Netlink, ifindex: u32) -> Result<Self> {
        let addresses = netlink.addresses(Some(ifindex)).await?;

        let mut routes = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut question = RouteMessage::default();
            question.header.address_family = family;
            question.attributes.push(RouteAttribute::Oif(ifindex));
            let answers = netlink.dump(RouteNetlinkMessage::GetRoute(question)).await;
            let answers = answers.map_err(|refusal| refusal.doing("list routes"))?;
            routes.extend(answers.into_iter().filter_map(|answer| match answer {
                RouteNetlinkMessage::NewRoute(route) => restorable(route, ifindex),
                _ => None,
            }));
        }
        // A gateway must be reachable before a route can lead through it.
        routes.sort_by_key(|route| route.attributes.iter().any(is_gateway));
        Ok(Self { addresses, routes })
    }

    /// Gives them back to the link, which must have its old ifindex and be up where it was.
    ///
    /// # Errors
    /// The first that the kernel does not take.
    pub async fn put_back(&self, netlink: &Netlink) -> Result<()> {
        for address in &self.addresses {
            let put = netlink.put(RouteNetlinkMessage::NewAddress(address.clone())).await;
            put.map_err(|refusal| refusal.doing(&format!("put back address {}", Cidr::from(address))))?;
        }
        for route in &self.routes {
            let put = netlink.put(RouteNetlinkMessage::NewRoute(route.clone())).await;
            put.map_err(|refusal| refusal.doing("put back a route"))?;
        }
        Ok(())
    }

    /// The addresses with their prefix lengths, as `ip addr` prints them.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.addresses.iter().map(|address| Cidr::from(address).to_string()).collect()
    }

    /// The routes, apart from those that come with the addresses.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        self.routes.iter().map(Route::from).collect()
    }
}

/// The route as it can be asked for again, or `None` for one of another link, or one that the kernel makes by itself.
fn restorable(mut route: RouteMessage, ifindex: u32) -> Option<RouteMessage> {
    let kernels_own = matches!(route.header.protocol, RouteProtocol::Kernel | RouteProtocol::Ra);
    if kernels_own || !route.attributes.contains(&RouteAttribute::Oif(ifindex)) {
        return None;
    }
    // What the kernel tells of a route's state, it does not accept in a request.
    route.header.flags &= RouteFlags::Onlink;
    route
        .attributes
        .retain(|attribute| !matches!(attribute, RouteAttribute::CacheInfo(_) | RouteAttribute::Expires(_)));
    Some(route)
}

fn is_gateway(attribute: &RouteAttribute) -> bool {
    matches!(attribute, RouteAttribute::Gateway(_) | RouteAttribute::Via(_))
}
