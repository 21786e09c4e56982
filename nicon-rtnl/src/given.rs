//! Addresses and routes that nicon gives to a link, and takes away again.

use nicon_core::Result;
use nicon_core::link::{Cidr, RouteSpec};
use nix::errno::Errno;
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::address;
use crate::carry::Carry;
use crate::netlink::Netlink;
use crate::protocol;
use crate::route::Route;

impl Carry {
    /// Addresses and routes that requests give to a link.
    #[must_use]
    pub fn of_requests(requests: impl IntoIterator<Item = RouteNetlinkMessage>) -> Self {
        let mut carry = Self::default();
        for request in requests {
            match request {
                RouteNetlinkMessage::NewAddress(address) => carry.addresses.push(address),
                RouteNetlinkMessage::NewRoute(route) => carry.routes.push(route),
                _ => {}
            }
        }
        carry
    }

    /// The addresses that nicon gave, except these. Linux before 5.18 does not tell which they are.
    #[must_use]
    pub fn given_addresses_except(&self, asked: &[Cidr]) -> Self {
        let mut addresses = self.addresses.clone();
        addresses.retain(|given| protocol::is_of_address(given) && !asked.contains(&address::cidr(given)));
        Self::of(addresses, Vec::new())
    }

    /// The routes that nicon gave, except these.
    #[must_use]
    pub fn given_routes_except(&self, asked: &[RouteSpec]) -> Self {
        let mut routes = self.routes.clone();
        routes.retain(|given| protocol::is_of_route(given) && !asked.iter().any(|asked| Route::from(given).is(asked)));
        Self::of(Vec::new(), routes)
    }

    /// Takes the addresses and routes from the link, the last one first, as far as it has them. Each outcome is told.
    pub fn take_away(&self, netlink: &Netlink) -> impl Iterator<Item = Result<()>> {
        let requests: Vec<_> = self.requests().collect();
        let requests = requests.into_iter().rev();
        requests.filter(|(request, _)| !matches!(request, RouteNetlinkMessage::NewNeighbour(_))).map(
            |(request, what)| match netlink.remove_entry(request) {
                Err(error) if !matches!(error.errno, Errno::ESRCH | Errno::EADDRNOTAVAIL | Errno::ENETDOWN) => {
                    Err(error.context(&what.replacen("add", "remove", 1)))
                }
                _ => Ok(()),
            },
        )
    }

    /// Takes these addresses from a link. With the first one of an IPv4 network the kernel also removes the others in it, and
    /// with the last one of all the routes, which the link then gets back.
    ///
    /// # Errors
    /// The first change that the kernel rejects.
    pub fn take_addresses_alone(&self, netlink: &Netlink, ifindex: u32) -> Result<()> {
        let mut kept = Self::read(netlink, ifindex)?;
        kept.addresses.retain(|other| !self.addresses.iter().any(|gone| address::cidr(gone) == address::cidr(other)));
        self.take_away(netlink).collect::<Result<()>>()?;
        let now = Self::read(netlink, ifindex)?;
        let is_there = |request: &RouteNetlinkMessage| match request {
            RouteNetlinkMessage::NewAddress(kept) => {
                now.addresses.iter().any(|other| address::cidr(other) == address::cidr(kept))
            }
            RouteNetlinkMessage::NewRoute(kept) => {
                now.routes.iter().any(|other| Route::from(other) == Route::from(kept))
            }
            _ => true,
        };
        for (request, what) in kept.requests().filter(|(request, _)| !is_there(request)) {
            netlink.put_entry(request).map_err(|error| error.context(&what))?;
        }
        Ok(())
    }

    /// Takes the IPv4 addresses from the link, if those of them that it has now cannot be completed in their order: the first
    /// one of a network is the one that it sends from.
    ///
    /// # Errors
    /// If the kernel does not do it.
    pub fn take_unordered(&self, netlink: &Netlink, ifindex: u32) -> Result<()> {
        let ipv4 = |carry: &Self| {
            let mut addresses = carry.addresses.clone();
            addresses.retain(|address| address.header.family == AddressFamily::Inet);
            addresses
        };
        let cidrs = |carry: &Self| ipv4(carry).iter().map(address::cidr).collect::<Vec<_>>();
        let mut now = Self::of(netlink.addresses(ifindex)?, Vec::new());
        now.addresses.retain(|address| cidrs(self).contains(&address::cidr(address)));
        if cidrs(self).starts_with(&cidrs(&now)) {
            return Ok(());
        }
        Self::of(ipv4(self), Vec::new()).take_away(netlink).collect()
    }
}
