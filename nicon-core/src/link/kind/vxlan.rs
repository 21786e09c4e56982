//! Ethernet over UDP (RFC 7348).

use std::net::IpAddr;

use crate::{Error, Record, Result};

/// The port that IANA has given to VXLAN. The kernel's own default is an older one.
const PORT: u16 = 4789;

/// The greatest VNI: it has 24 bits.
const MAX_VNI: u32 = (1 << 24) - 1;

/// What a VXLAN puts in front of a packet, in bytes (`VXLAN_HEADROOM` and `VXLAN6_HEADROOM` of `net/vxlan.h`).
#[must_use]
pub fn headroom(is_over_ipv6: bool) -> u32 {
    if is_over_ipv6 { 70 } else { 50 }
}

/// A VXLAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vxlan {
    /// Its number, the VNI, of 24 bits.
    pub vni: u32,
    /// Where packets go whose receiver is not known: a host, or a multicast group.
    pub remote: Option<IpAddr>,
    /// The sender's address.
    pub local: Option<IpAddr>,
    /// The UDP port of the receivers.
    pub dst_port: u16,
    /// Whether it learns from what arrives where addresses are.
    pub learning: bool,
}

impl Vxlan {
    pub(super) fn from_record(record: &Record, has_parent: bool) -> Result<Self> {
        let ip = |field: &str| {
            let ip = record.text(field)?.map(|text| {
                text.parse::<IpAddr>()
                    .map_err(|_| Error::invalid(format!("field \"{field}\": \"{text}\" is not an IP address")))
            });
            ip.transpose()
        };
        let vni = record.integer("vni")?.filter(|vni| *vni <= MAX_VNI);
        let vxlan = Self {
            vni: vni.ok_or_else(|| Error::invalid(format!("field \"vni\": a number from 0 to {MAX_VNI}")))?,
            remote: ip("remote")?,
            local: ip("local")?,
            dst_port: record.integer("dst_port")?.unwrap_or(PORT),
            learning: record.boolean("learning")?.unwrap_or(true),
        };
        vxlan.check(has_parent)?;
        Ok(vxlan)
    }

    /// What the kernel checks as well (`vxlan_config_validate` in `drivers/net/vxlan/vxlan_core.c`), without saying why.
    fn check(&self, has_parent: bool) -> Result<()> {
        let refuse = |why: &str| Err(Error::invalid(why.to_owned()));
        let is_multicast = |ip: Option<IpAddr>| ip.is_some_and(|ip| ip.is_multicast());
        let is_link_local =
            |ip: Option<IpAddr>| ip.is_some_and(|ip| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()));
        if self.dst_port == 0 {
            return refuse("field \"dst_port\": a port from 1 to 65535");
        }
        if is_multicast(self.local) {
            return refuse("field \"local\": a multicast group sends nothing");
        }
        if self.remote.is_some_and(|remote| remote.is_unspecified()) {
            return refuse("field \"remote\": no host has that address");
        }
        if let (Some(remote), Some(local)) = (self.remote, self.local)
            && remote.is_ipv4() != local.is_ipv4()
        {
            return refuse("\"remote\" and \"local\" are addresses of different kinds, IPv4 and IPv6");
        }
        if is_multicast(self.remote) && !has_parent {
            return refuse(
                "\"remote\" is a multicast group: it needs a \"parent\", the link through which it is joined",
            );
        }
        if (is_link_local(self.remote) || is_link_local(self.local)) && !has_parent {
            return refuse("a link-local address needs a \"parent\", the link where it counts");
        }
        Ok(())
    }

    /// Whether it sends by IPv6.
    fn is_over_ipv6(&self) -> bool {
        self.remote.or(self.local).is_some_and(|ip| ip.is_ipv6())
    }

    /// How much longer its packets are than what is in them: see [`headroom`].
    #[must_use]
    pub fn headroom(&self) -> u32 {
        headroom(self.is_over_ipv6())
    }

    pub(super) fn words(&self) -> Vec<String> {
        let mut words = vec![format!("id {}", self.vni)];
        let to = |ip: &IpAddr| if ip.is_multicast() { "group" } else { "remote" };
        words.extend(self.remote.map(|ip| format!("{} {ip}", to(&ip))));
        words.extend(self.local.map(|ip| format!("local {ip}")));
        words.push(format!("dstport {}", self.dst_port));
        words.push(if self.learning { "learning" } else { "nolearning" }.to_owned());
        words
    }
}
