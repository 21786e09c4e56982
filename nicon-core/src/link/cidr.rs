//! Addresses with their prefix lengths.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Serialize, Serializer};

use crate::{Error, Result};

/// An address of a link, such as `192.0.2.1/24`. Unlike that of a network, it may have bits behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr(IpNet);

impl Cidr {
    /// An address of a link, as the kernel reports it. A prefix that is longer than the address counts as all of it.
    #[must_use]
    pub fn new(ip: IpAddr, prefix_len: u8) -> Self {
        Self(IpNet::new(ip, prefix_len).unwrap_or_else(|_| ip.into()))
    }

    /// Whether `ip` lies in the network of this address.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip)
    }

    /// The address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.0.addr()
    }

    /// The length of its prefix.
    #[must_use]
    pub fn prefix_len(&self) -> u8 {
        self.0.prefix_len()
    }

    /// The address of its network: without the bits behind the prefix.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        self.0.network()
    }
}

impl FromStr for Cidr {
    type Err = Error;

    /// The prefix length is required: the default that `ip` uses, that of a single address, is hardly ever meant.
    fn from_str(text: &str) -> Result<Self> {
        let (ip, prefix_len) = match text.split_once('/') {
            Some((ip, prefix_len)) => (ip, Some(prefix_len)),
            None => (text, None),
        };
        let ip: IpAddr = ip.parse().map_err(|_| Error::invalid(format!("\"{ip}\" is not an IP address")))?;
        let usual = if ip.is_ipv4() { 24 } else { 64 };
        let Some(prefix_len) = prefix_len else {
            return Err(Error::invalid(format!("\"{text}\" has no prefix length (such as {text}/{usual})")));
        };
        let net = prefix_len.parse().ok().and_then(|prefix_len| IpNet::new(ip, prefix_len).ok());
        net.map(Self).ok_or_else(|| {
            let longest = IpNet::from(ip).max_prefix_len();
            Error::invalid(format!("\"{text}\": the prefix length is not one of 0 to {longest}"))
        })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_network() {
        let contains = |cidr: &str, ip: &str| cidr.parse::<Cidr>().unwrap().contains(ip.parse().unwrap());
        assert!(contains("192.0.2.1/24", "192.0.2.254") && !contains("192.0.2.1/24", "192.0.3.1"));
        assert!(contains("0.0.0.0/0", "10.0.0.1") && contains("192.0.2.1/32", "192.0.2.1"));
        assert!(contains("2001:db8::1/64", "2001:db8::2") && !contains("::/0", "10.0.0.1"));
    }

    #[test]
    fn an_address_may_have_bits_behind_its_prefix() {
        let cidr: Cidr = "2001:db8::1/32".parse().unwrap();
        assert_eq!((cidr.to_string(), cidr.network().to_string()), ("2001:db8::1/32".into(), "2001:db8::".into()));
        assert_eq!(Cidr::new([192, 0, 2, 1].into(), 33).to_string(), "192.0.2.1/32");
    }

    #[test]
    fn an_address_needs_its_prefix_length() {
        for text in ["192.0.2.1/24", "0.0.0.0/0", "2001:db8::1/128"] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
        }
        for text in ["", "192.0.2.1", "192.0.2.1/", "192.0.2.1/33", "192.0.2/24", "::1/129", "x/1", "192.0.2.1/-1"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
