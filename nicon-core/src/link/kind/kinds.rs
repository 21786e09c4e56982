//! The kinds of links that nicon makes.

use std::fmt::{self, Display};
use std::str::FromStr;

use crate::{Error, Result};

/// The kinds of links that nicon makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An Ethernet link with an address of its own on top of another.
    Macvlan,
    /// The same, with a character device to read and write its packets.
    Macvtap,
    /// A link that shares the hardware address of the one below it.
    Ipvlan,
    /// One VLAN of the link below it.
    Vlan,
    /// Ethernet over UDP (RFC 7348).
    Vxlan,
    /// A switch.
    Bridge,
    /// A link that drops all that it sends.
    Dummy,
    /// An encrypted tunnel.
    Wireguard,
}

/// All of them.
const KINDS: [Kind; 8] =
    [Kind::Macvlan, Kind::Macvtap, Kind::Ipvlan, Kind::Vlan, Kind::Vxlan, Kind::Bridge, Kind::Dummy, Kind::Wireguard];

impl Kind {
    /// Whether it may be made from another network namespace than that where it is: of a link below it, or of its sockets.
    #[must_use]
    pub fn is_made_from_elsewhere(self) -> bool {
        !matches!(self, Self::Bridge | Self::Dummy)
    }

    /// Its name, as the kernel and `ip link` have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Macvlan => "macvlan",
            Self::Macvtap => "macvtap",
            Self::Ipvlan => "ipvlan",
            Self::Vlan => "vlan",
            Self::Vxlan => "vxlan",
            Self::Bridge => "bridge",
            Self::Dummy => "dummy",
            Self::Wireguard => "wireguard",
        }
    }

    /// The kernel module that has it: the one whose alias is `rtnl-link-KIND`, see `modinfo(8)`.
    #[must_use]
    pub fn module(self) -> &'static str {
        match self {
            Self::Vlan => "8021q",
            kind => kind.as_str(),
        }
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        KINDS.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let names = KINDS.map(Self::as_str).join(", ");
            Error::invalid(format!("\"{text}\" is no kind of link that can be made: {names}"))
        })
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
