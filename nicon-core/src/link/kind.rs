//! A link that is to be made: its kind, what links of that kind have, and the link below it.

mod fields;
pub mod mode;
pub mod vlan;
pub mod vxlan;

use std::fmt::{self, Display};
use std::str::FromStr;

use super::{LinkName, Selector, Target};
use crate::{Error, Record, Result};
use fields::boolean;
pub use fields::{FIELDS, TARGETS_OWN, of as fields_of};
pub use mode::{IpvlanMode, MacvlanMode};
pub use vlan::{Vlan, VlanProtocol};
pub use vxlan::Vxlan;

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
}

/// All of them.
const KINDS: [Kind; 7] =
    [Kind::Macvlan, Kind::Macvtap, Kind::Ipvlan, Kind::Vlan, Kind::Vxlan, Kind::Bridge, Kind::Dummy];

/// A link that is to be made, apart from what any link may get (see [`super::LinkSpec`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindSpec {
    /// The link below it.
    pub parent: Option<Selector>,
    /// What links of its kind have.
    pub settings: Settings,
    /// The link of the same namespace to which all is passed on that arrives at this one, and the other way round.
    pub stitch: Option<LinkName>,
}

/// What the links of a kind have, in the kernel's report as well as in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settings {
    /// Of a macvlan.
    Macvlan(MacvlanMode),
    /// Of a macvtap.
    Macvtap(MacvlanMode),
    /// Of an ipvlan.
    Ipvlan(IpvlanMode),
    /// Of a VLAN.
    Vlan(Vlan),
    /// Of a VXLAN.
    Vxlan(Vxlan),
    /// Of a bridge.
    Bridge {
        /// Whether it keeps the VLANs of its ports apart.
        vlan_filtering: Option<bool>,
        /// Whether it takes part in the spanning tree protocol.
        stp: Option<bool>,
    },
    /// A dummy has none.
    Dummy,
}

impl KindSpec {
    /// The link that a record asks for with `kind`.
    ///
    /// # Errors
    /// The first field that is missing, belongs to another kind, or cannot be understood; what does not go together.
    pub fn from_record(record: &Record) -> Result<Self> {
        let kind: Kind = record.text("kind")?.ok_or_else(|| Error::invalid("the record has no \"kind\""))?.parse()?;
        fields::check(record, kind)?;
        if let Some(from) = record.get("from").filter(|from| !from.is_null() && !from.is_object())
            && from != TARGETS_OWN
        {
            Target::try_from(from).map_err(|error| error.prefix("field \"from\""))?;
        }
        let parent: Option<Selector> = record.text("parent")?.map(str::parse).transpose()?;
        Ok(Self {
            settings: Settings::from_record(record, kind, parent.is_some())?,
            stitch: record.text("stitch")?.map(str::parse).transpose()?,
            parent,
        })
    }

    /// The name that a record gives the link; that of a VLAN is `PARENT.VID`, if the record does not say.
    ///
    /// # Errors
    /// If there is none, or it is no name.
    pub fn name(&self, record: &Record) -> Result<LinkName> {
        match (record.text("name")?, &self.settings, &self.parent) {
            (Some(name), ..) if name.contains('%') => Err(Error::invalid(format!(
                "\"{name}\" is a pattern: a link that is made needs a whole name, so that a second run finds it"
            ))),
            (Some(name), ..) => name.parse(),
            (None, Settings::Vlan(vlan), Some(Selector::Name(parent))) => format!("{parent}.{}", vlan.id).parse(),
            _ => Err(Error::invalid("neither NAME nor a \"name\" in the record")),
        }
    }
}

impl Settings {
    fn from_record(record: &Record, kind: Kind, has_parent: bool) -> Result<Self> {
        Ok(match kind {
            Kind::Macvlan => Self::Macvlan(MacvlanMode::from_record(record)?),
            Kind::Macvtap => Self::Macvtap(MacvlanMode::from_record(record)?),
            Kind::Ipvlan => Self::Ipvlan(IpvlanMode::from_record(record)?),
            Kind::Vlan => Self::Vlan(Vlan::from_record(record)?),
            Kind::Vxlan => Self::Vxlan(Vxlan::from_record(record, has_parent)?),
            Kind::Bridge => {
                Self::Bridge { vlan_filtering: boolean(record, "vlan_filtering")?, stp: boolean(record, "stp")? }
            }
            Kind::Dummy => Self::Dummy,
        })
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Macvlan(_) => Kind::Macvlan,
            Self::Macvtap(_) => Kind::Macvtap,
            Self::Ipvlan(_) => Kind::Ipvlan,
            Self::Vlan(_) => Kind::Vlan,
            Self::Vxlan(_) => Kind::Vxlan,
            Self::Bridge { .. } => Kind::Bridge,
            Self::Dummy => Kind::Dummy,
        }
    }

    /// They, in the words of `ip link add type`.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let switch = |name: &str, on: Option<bool>| on.map(|on| format!("{name} {}", u8::from(on)));
        match self {
            Self::Macvlan(mode) | Self::Macvtap(mode) => vec![format!("mode {mode}")],
            Self::Ipvlan(mode) => vec![format!("mode {mode}")],
            Self::Vlan(vlan) => vlan.words(),
            Self::Vxlan(vxlan) => vxlan.words(),
            Self::Bridge { vlan_filtering, stp } => {
                [switch("vlan_filtering", *vlan_filtering), switch("stp_state", *stp)].into_iter().flatten().collect()
            }
            Self::Dummy => Vec::new(),
        }
    }

    /// How a link that is there differs from one that is to have these, in words; `None` if it does not. A bridge differs only
    /// in what is asked for.
    #[must_use]
    pub fn difference(&self, present: &Self) -> Option<String> {
        let present = match (self, present) {
            (Self::Bridge { vlan_filtering, stp }, Self::Bridge { vlan_filtering: has_filtering, stp: has_stp }) => {
                Self::Bridge { vlan_filtering: vlan_filtering.and(*has_filtering), stp: stp.and(*has_stp) }.words()
            }
            (_, present) => present.words(),
        };
        let asked = self.words();
        let without = |all: &[String], others: &[String]| {
            all.iter().filter(|word| !others.contains(word)).cloned().collect::<Vec<_>>().join(", ")
        };
        let (has, lacks) = (without(&present, &asked), without(&asked, &present));
        match (&has[..], &lacks[..]) {
            ("", "") => None,
            ("", lacks) => Some(format!("without {lacks}")),
            (has, "") => Some(format!("with {has}")),
            (has, lacks) => Some(format!("with {has}, not {lacks}")),
        }
    }
}

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

#[cfg(test)]
mod tests;
