//! The settings of a link below /proc/sys/net, as the kernel reports them with the link: equal arrays mean equal settings.
//!
//! Each family has one array of all values (`inet_fill_link_af` in net/ipv4/devinet.c, `ipv6_store_devconf` in
//! net/ipv6/addrconf.c); the IPv6 address generation mode is a separate attribute.

use nicon_core::Result;
use nix::errno::Errno;
use nix::libc::{IFLA_AF_SPEC, RTM_NEWLINK};
use rtnetlink::packet_core::{DecodeError, NetlinkDeserializable, NetlinkHeader};
use rtnetlink::packet_route::RouteNetlinkMessage;

use crate::attribute::value;
use crate::entry::LINK_HEADER;
use crate::netlink::{Netlink, about, without_stats};

/// The attributes with the settings within `IFLA_AF_SPEC`, by family; see `linux/socket.h` and `linux/if_link.h`.
const SETTINGS: [(u16, u16); 3] =
    [(AF_INET, IFLA_INET_CONF), (AF_INET6, IFLA_INET6_CONF), (AF_INET6, IFLA_INET6_ADDR_GEN_MODE)];
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const IFLA_INET_CONF: u16 = 1;
const IFLA_INET6_CONF: u16 = 2;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;

/// All settings of a link, for comparison with those of others.
#[derive(PartialEq, Eq, Hash)]
pub struct Conf(Vec<u8>);

impl Netlink {
    /// The settings of a link; `None` if the kernel reports none, or there is no such link.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn conf(&self, ifindex: u32) -> Result<Option<Conf>> {
        let mut question = about(ifindex);
        question.attributes.push(without_stats());
        match self.requests.exchange::<Conf>(RouteNetlinkMessage::GetLink(question), 0) {
            Err(error) if error.errno == Errno::ENODEV => Ok(None),
            Err(error) => Err(error.context(&format!("look at the settings of link {ifindex}"))),
            Ok(answer) => Ok(answer.entries.into_iter().find(|Conf(bytes)| !bytes.is_empty())),
        }
    }
}

impl NetlinkDeserializable for Conf {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> std::result::Result<Self, DecodeError> {
        let mut settings = Vec::new();
        if header.message_type == RTM_NEWLINK {
            let link = payload.get(LINK_HEADER..).unwrap_or_default();
            let families = value(link, IFLA_AF_SPEC).unwrap_or_default();
            for (family, setting) in SETTINGS {
                let family = value(families, family).unwrap_or_default();
                settings.extend(value(family, setting).unwrap_or_default());
            }
        }
        Ok(Self(settings))
    }
}
