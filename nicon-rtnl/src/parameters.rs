//! The parameters of a link that are plain numbers, as `ip -d link` prints them.

use std::collections::BTreeMap;

use nicon_core::{Error, Result};
use nix::errno::Errno;
use nix::libc::{IFLA_GROUP, IFLA_LINKMODE, IFLA_TXQLEN, RTM_GETLINK, RTM_SETLINK};
use rtnetlink::packet_core::NLM_F_ACK;
use rtnetlink::packet_route::link::LinkFlags;
use serde::{Deserialize, Serialize};

use crate::attribute::push;
use crate::entry::LINK_HEADER;
use crate::error::NetlinkError;
use crate::netlink::Netlink;
use crate::raw::Raw;

/// Where the fields of an `ifinfomsg` are, in bytes; see `rtnetlink(7)`.
const FLAGS: usize = 8;
const CHANGE: usize = 12;

/// The name of the flags among the parameters.
const FLAGS_NAME: &str = "flags";

/// The others: name, attribute of `linux/if_link.h`, length in bytes.
const NUMBERS: [(&str, u16, usize); 9] = [
    ("group", IFLA_GROUP, 4),
    ("gro_ipv4_max_size", 64, 4),
    ("gro_max_size", 58, 4),
    ("gso_ipv4_max_size", 63, 4),
    ("gso_max_segs", 40, 4),
    ("gso_max_size", 41, 4),
    ("linkmode", IFLA_LINKMODE, 1),
    ("protodown", 39, 1),
    ("txqueuelen", IFLA_TXQLEN, 4),
];

/// Parameters by name. Which ones there are depends on the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(BTreeMap<String, u32>);

impl Parameters {
    /// The length of its transmit queue, in packets.
    #[must_use]
    pub fn txqueuelen(&self) -> Option<u32> {
        self.0.get("txqueuelen").copied()
    }

    /// The names of those that differ from `others`, which has them as well.
    pub fn differing_from<'a>(&'a self, others: &'a Self) -> impl Iterator<Item = (&'a str, u32)> {
        let differs = |(name, value): &(&String, &u32)| others.0.get(*name).is_some_and(|other| other != *value);
        self.0.iter().filter(differs).map(|(name, value)| (name.as_str(), *value))
    }
}

impl Netlink {
    /// The parameters of a link.
    ///
    /// # Errors
    /// If the kernel does not answer, or there is no such link.
    pub fn parameters(&self, ifindex: u32) -> Result<Parameters> {
        let answers = self.requests.exchange::<Raw>(Raw::about_link(RTM_GETLINK, ifindex), 0);
        let answers = answers.map_err(|error| match error.errno {
            Errno::ENODEV => Error::no(format!("link {ifindex} is gone")),
            _ => error.context(&format!("look at link {ifindex}")),
        })?;
        let mut parameters = BTreeMap::new();
        for link in answers.entries {
            parameters.insert(FLAGS_NAME.to_owned(), link.number_at(FLAGS) & settable_flags().bits());
            for (name, attribute, length) in NUMBERS {
                let value = link.value(LINK_HEADER, attribute).filter(|value| value.len() == length);
                parameters.extend(value.map(|value| (name.to_owned(), number(value))));
            }
        }
        Ok(Parameters(parameters))
    }

    /// Sets the length of a link's transmit queue, in packets.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn set_txqueuelen(&self, ifindex: u32, length: u32) -> std::result::Result<(), NetlinkError> {
        self.set_parameter(ifindex, "txqueuelen", length)
    }

    /// Sets one of a link's parameters.
    ///
    /// # Errors
    /// The kernel's error; `EINVAL` if there is no such parameter.
    pub fn set_parameter(&self, ifindex: u32, name: &str, value: u32) -> std::result::Result<(), NetlinkError> {
        let mut request = Raw::about_link(RTM_SETLINK, ifindex);
        if name == FLAGS_NAME {
            request.set_number_at(FLAGS, value);
            request.set_number_at(CHANGE, settable_flags().bits());
        } else {
            let known = NUMBERS.iter().find(|(known, ..)| *known == name);
            let (_, attribute, length) = known.ok_or(Errno::EINVAL)?;
            let byte = u8::try_from(value).ok().filter(|_| *length == 1);
            let value = byte.map_or_else(|| value.to_ne_bytes().to_vec(), |byte| vec![byte]);
            push(&mut request.payload, *attribute, &value);
        }
        self.requests.exchange::<Raw>(request, NLM_F_ACK).map(drop)
    }
}

/// The flags that `ip link set` sets, apart from UP (`__dev_change_flags` of `net/core/dev.c`). Of PROMISC and ALLMULTI the kernel
/// reports whether somebody set them so, and not whether a program that listens needs them.
fn settable_flags() -> LinkFlags {
    LinkFlags::Debug
        | LinkFlags::Notrailers
        | LinkFlags::Noarp
        | LinkFlags::Promisc
        | LinkFlags::Allmulti
        | LinkFlags::Multicast
        | LinkFlags::Portsel
        | LinkFlags::Automedia
        | LinkFlags::Dynamic
}

/// A number of one byte or of four.
fn number(value: &[u8]) -> u32 {
    value.try_into().map_or_else(|_| value.first().copied().unwrap_or_default().into(), u32::from_ne_bytes)
}
