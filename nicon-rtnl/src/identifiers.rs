//! What somebody set for IPv6 to make a link's addresses from. The kernel tells programs of a secret only in /proc, and takes a token
//! only while the link is up.

use std::fs;
use std::net::Ipv6Addr;

use nicon_core::Result;
use nix::libc::{IFLA_AF_SPEC, RTM_GETLINK};

use crate::attribute::value;
use crate::entry::LINK_HEADER;
use crate::handle::NetnsHandle;
use crate::link::Link;
use crate::raw::Raw;

/// The address family of IPv6, which is also the attribute for it.
const AF_INET6: u16 = 10;

// Of `linux/if_link.h`.
const IFLA_INET6_TOKEN: u16 = 7;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const STABLE_PRIVACY: u8 = 2;

impl NetnsHandle {
    /// The token of a link (`ip token`), and that it has a secret of its own (`stable_secret` of `ip-sysctl` in the kernel's
    /// documentation).
    ///
    /// # Errors
    /// If the kernel does not answer, or we may not enter the namespace.
    pub fn ipv6_identifiers(&self, link: &Link) -> Result<Vec<String>> {
        let answers = self.netlink.requests.exchange::<Raw>(Raw::about_link(RTM_GETLINK, link.ifindex), 0);
        let answers = answers.map_err(|error| error.context(&format!("look at {}", link.name)))?.entries;
        let specs = answers.first().and_then(|answer| answer.value(LINK_HEADER, IFLA_AF_SPEC)).unwrap_or_default();
        let spec = value(specs, AF_INET6).unwrap_or_default();
        let token =
            value(spec, IFLA_INET6_TOKEN).and_then(|token| <[u8; 16]>::try_from(token).ok()).map(Ipv6Addr::from);
        let mut found: Vec<String> =
            token.filter(|token| !token.is_unspecified()).map(|token| format!("token {token}")).into_iter().collect();
        // The mode alone says nothing: a link also has it from the defaults.
        if value(spec, IFLA_INET6_ADDR_GEN_MODE) == Some(&[STABLE_PRIVACY]) && self.has_own_secret(&link.name)? {
            found.push("stable_secret".to_owned());
        }
        Ok(found)
    }

    /// Whether a link's secret is another than that of new links.
    fn has_own_secret(&self, name: &str) -> Result<bool> {
        let secret = |whose: &str| fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{whose}/stable_secret")).ok();
        self.inside(|| secret(name).is_some_and(|own| secret("default") != Some(own)))
    }
}
