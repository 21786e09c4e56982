//! A route that a link is to get.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::Cidr;
use crate::{Error, Result};

/// Where it leads, and by which gateway: `198.51.100.0/24,192.0.2.254`, or without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// The network that it leads to.
    pub dst: Cidr,
    /// The gateway, if it has one.
    pub via: Option<IpAddr>,
}

impl RouteSpec {
    /// The default route by a gateway.
    pub(crate) fn default_by(Gateway(gateway): Gateway) -> Self {
        let everything: IpAddr =
            if gateway.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        Self { dst: Cidr::new(everything, 0), via: Some(gateway) }
    }

    /// Whether the kernel adds it together with an address of the same link, in the same place (`fib_add_ifaddr` in
    /// `net/ipv4/fib_frontend.c`). That of an IPv6 address has another metric.
    #[must_use]
    pub fn comes_with(&self, address: &Cidr) -> bool {
        let network = Cidr::new(address.network(), address.prefix_len());
        address.ip().is_ipv4() && address.prefix_len() < 32 && self.via.is_none() && self.dst == network
    }
}

impl FromStr for RouteSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse =
            |why: &str| Error::invalid(format!("\"{text}\" is not a route like 198.51.100.0/24,192.0.2.254: {why}"));
        let (dst, via) = text.split_once(',').map_or((text, None), |(dst, via)| (dst, Some(via)));
        let via: Option<IpAddr> =
            via.map(str::parse).transpose().map_err(|_| refuse("the gateway is no IP address"))?;
        let dst: Cidr = dst.parse().map_err(|error: Error| refuse(&error.to_string()))?;
        if via.is_some_and(|via| via.is_ipv4() != dst.ip().is_ipv4()) {
            return Err(refuse("the gateway is of the other family"));
        }
        // The kernel refuses a route to an address with bits behind its prefix.
        if dst.ip() != dst.network() {
            return Err(refuse(&format!("the network begins at {}", dst.network())));
        }
        Ok(Self { dst, via })
    }
}

impl fmt::Display for RouteSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_words(&self.dst.to_string(), self.via))
    }
}

/// Where a route leads, and by which gateway, in the words of `ip route`: `default via 192.0.2.254`. Only IPv6's default route
/// without a gateway is not called so, since `ip` takes that for IPv4's.
#[must_use]
pub fn in_words(dst: &str, via: Option<IpAddr>) -> String {
    let dst = match (dst, via) {
        ("0.0.0.0/0", _) | ("::/0", Some(_)) => "default",
        (dst, _) => dst,
    };
    via.map_or_else(|| dst.to_owned(), |via| format!("{dst} via {via}"))
}

/// The address of a gateway.
#[derive(Clone, Copy, Debug)]
pub struct Gateway(IpAddr);

impl FromStr for Gateway {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse().map(Self).map_err(|_| Error::invalid(format!("\"{text}\" is not an IP address")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_route_is_called_so() {
        for (route, words) in [
            ("0.0.0.0/0,192.0.2.254", "default via 192.0.2.254"),
            ("0.0.0.0/0", "default"),
            ("::/0,fe80::1", "default via fe80::1"),
            ("::/0", "::/0"),
            ("198.51.100.0/24,192.0.2.254", "198.51.100.0/24 via 192.0.2.254"),
        ] {
            assert_eq!(route.parse::<RouteSpec>().unwrap().to_string(), words);
        }
    }

    #[test]
    fn the_route_of_an_address() {
        let comes_with =
            |route: &str, address: &str| route.parse::<RouteSpec>().unwrap().comes_with(&address.parse().unwrap());
        assert!(comes_with("192.0.2.0/24", "192.0.2.7/24") && comes_with("192.0.2.6/31", "192.0.2.7/31"));
        assert!(!comes_with("192.0.2.0/24,192.0.2.1", "192.0.2.7/24") && !comes_with("192.0.2.0/25", "192.0.2.7/24"));
        assert!(!comes_with("192.0.2.7/32", "192.0.2.7/32") && !comes_with("2001:db8::/64", "2001:db8::7/64"));
    }

    #[test]
    fn routes_and_what_is_none() {
        for text in ["198.51.100.0/24,192.0.2.254", "2001:db8::/32", "192.0.2.1/32"] {
            assert_eq!(text.parse::<RouteSpec>().unwrap().to_string(), text.replace(',', " via "));
        }
        for text in ["", "198.51.100.0", "198.51.100.1/24", "198.51.100.0/24,::1", "198.51.100.0/24,", "2001:db8::1/64"]
        {
            assert!(text.parse::<RouteSpec>().is_err(), "{text}");
        }
    }
}
