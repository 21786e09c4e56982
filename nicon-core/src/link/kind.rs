//! A link that is to be made: its kind, what links of that kind have, and the link below it.

mod fields;
pub mod kinds;
pub mod mode;
pub mod vlan;
pub mod vxlan;
pub mod wireguard;

use super::{LinkName, Selector, Target};
use crate::{Error, Record, Result};
pub use fields::{FIELDS, TARGETS_OWN, of as fields_of};
pub use kinds::Kind;
pub use mode::{IpvlanMode, MacvlanMode};
pub use vlan::{Vlan, VlanProtocol};
pub use vxlan::Vxlan;
pub use wireguard::Wireguard;

/// A link that is to be made, apart from what any link may get (see [`super::LinkSpec`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindSpec {
    /// The link below it.
    pub parent: Option<Selector>,
    /// What links of its kind have.
    pub settings: Settings,
    /// The link of the same namespace to which all is passed on that arrives at this one, and the other way round.
    pub stitch: Option<LinkName>,
    /// What only a wireguard has. Unlike the settings it can be changed, and the kernel reports it in another way.
    pub wireguard: Wireguard,
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
    /// Nor does a wireguard, but what can be changed.
    Wireguard,
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
            wireguard: Wireguard::from_record(record)?,
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
                Self::Bridge { vlan_filtering: record.boolean("vlan_filtering")?, stp: record.boolean("stp")? }
            }
            Kind::Dummy => Self::Dummy,
            Kind::Wireguard => Self::Wireguard,
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
            Self::Wireguard => Kind::Wireguard,
        }
    }

    /// The same in the words of `ip link add type`.
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
            Self::Dummy | Self::Wireguard => Vec::new(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<KindSpec> {
        KindSpec::from_record(&Record::parse(line).unwrap())
    }

    fn refusal(line: &str) -> String {
        read(line).unwrap_err().to_string()
    }

    #[test]
    fn each_kind_in_the_words_of_ip() {
        for (line, words) in [
            (r#"{"kind":"macvlan","parent":"eth0"}"#, "mode bridge"),
            (r#"{"kind":"macvtap","parent":"eth0","mode":"passthru"}"#, "mode passthru"),
            (r#"{"kind":"ipvlan","parent":"eth0","mode":"l3s","from":"target"}"#, "mode l3s"),
            (r#"{"kind":"vlan","parent":"eth0","vid":7,"from":"netns:blue"}"#, "protocol 802.1Q id 7"),
            (r#"{"kind":"vlan","parent":"eth0","vid":7,"protocol":"802.1ad"}"#, "protocol 802.1ad id 7"),
            (r#"{"kind":"vxlan","vni":100,"from":42}"#, "id 100 dstport 4789 learning"),
            (
                r#"{"kind":"vxlan","vni":100,"remote":"192.0.2.9","local":"192.0.2.1","dst_port":8472,"learning":false}"#,
                "id 100 remote 192.0.2.9 local 192.0.2.1 dstport 8472 nolearning",
            ),
            (
                r#"{"kind":"vxlan","vni":1,"parent":"eth0","remote":"ff05::1"}"#,
                "id 1 group ff05::1 dstport 4789 learning",
            ),
            (r#"{"kind":"bridge"}"#, ""),
            (r#"{"kind":"bridge","vlan_filtering":true,"stp":false}"#, "vlan_filtering 1 stp_state 0"),
            (r#"{"kind":"dummy","mode":null}"#, ""),
            (r#"{"kind":"wireguard","from":"target","private_key":"/etc/key","listen_port":51820}"#, ""),
        ] {
            assert_eq!(read(line).unwrap().settings.words().join(" "), words, "{line}");
        }
    }

    #[test]
    fn what_a_kind_lacks_or_has_not_is_named() {
        for (line, why) in [
            ("{}", "no \"kind\""),
            (r#"{"kind":"veth"}"#, "\"veth\" is no kind of link that can be made: macvlan, "),
            (r#"{"kind":"macvlan"}"#, "a macvlan needs \"parent\""),
            (r#"{"kind":"vlan","parent":"eth0"}"#, "a vlan needs \"vid\""),
            (r#"{"kind":"vxlan"}"#, "a vxlan needs \"vni\""),
            (r#"{"kind":"bridge","parent":"eth0"}"#, "a bridge has no \"parent\""),
            (r#"{"kind":"wireguard","parent":"eth0"}"#, "a wireguard has no \"parent\""),
            (r#"{"kind":"wireguard","mac":"02:00:5e:00:53:01"}"#, "\"mac\" cannot be given"),
            (r#"{"kind":"dummy","from":1}"#, "a dummy has no \"from\""),
            (r#"{"kind":"macvlan","parent":"eth0","vid":1}"#, "a macvlan has no \"vid\""),
            (r#"{"kind":"dummy","keep":["addr"]}"#, "a dummy has no \"keep\""),
            (r#"{"kind":"ipvlan","parent":"eth0","mac":"02:00:5e:00:53:01"}"#, "\"mac\" cannot be given"),
            (r#"{"kind":"macvlan","parent":"eth0","mode":"l2"}"#, "\"l2\" is not a mode: bridge, private"),
            (r#"{"kind":"macvlan","parent":"a b"}"#, "\"a b\" is not a link"),
            (r#"{"kind":"macvlan","parent":"a","from":true}"#, "field \"from\""),
            (r#"{"kind":"vlan","parent":"eth0","vid":0}"#, "from 1 to 4094"),
            (r#"{"kind":"vlan","parent":"eth0","vid":4095}"#, "from 1 to 4094"),
            (r#"{"kind":"vlan","parent":"eth0","vid":1,"protocol":"802.3"}"#, "802.1Q or 802.1ad"),
            (r#"{"kind":"vxlan","vni":16777216}"#, "from 0 to 16777215"),
            (r#"{"kind":"vxlan","vni":1,"dst_port":0}"#, "from 1 to 65535"),
            (r#"{"kind":"vxlan","vni":1,"dst_port":65536}"#, "\"dst_port\""),
            (r#"{"kind":"vxlan","vni":1,"remote":"x"}"#, "field \"remote\": \"x\" is not an IP address"),
            (r#"{"kind":"vxlan","vni":1,"remote":"239.1.1.1"}"#, "needs a \"parent\""),
            (r#"{"kind":"vxlan","vni":1,"remote":"fe80::1"}"#, "needs a \"parent\""),
            (r#"{"kind":"vxlan","vni":1,"remote":"0.0.0.0"}"#, "no host has"),
            (r#"{"kind":"vxlan","vni":1,"local":"239.1.1.1"}"#, "field \"local\""),
            (r#"{"kind":"vxlan","vni":1,"remote":"::1","local":"127.0.0.1"}"#, "different kinds"),
            (r#"{"kind":"vxlan","vni":1,"learning":"no"}"#, "expected true or false"),
        ] {
            let error = refusal(line);
            assert!(error.contains(why), "{line}: {error}");
        }
    }

    #[test]
    fn a_vlan_is_called_after_its_parent() {
        let name = |line: &str| {
            let record = Record::parse(line).unwrap();
            KindSpec::from_record(&record).unwrap().name(&record).map(|name| name.to_string())
        };
        assert_eq!(name(r#"{"kind":"vlan","parent":"eth0","vid":7}"#).unwrap(), "eth0.7");
        assert_eq!(name(r#"{"kind":"vlan","parent":"eth0","vid":7,"name":"v7"}"#).unwrap(), "v7");
        assert!(name(r#"{"kind":"vlan","parent":"a-long-name-15","vid":777}"#).is_err());
        assert!(name(r#"{"kind":"vlan","parent":"mac:02:00:5e:00:53:01","vid":7}"#).is_err());
        assert!(name(r#"{"kind":"dummy"}"#).is_err());
        assert!(name(r#"{"kind":"dummy","name":"eth%d"}"#).unwrap_err().to_string().contains("is a pattern"));
    }

    #[test]
    fn differences_are_told() {
        let settings = |line: &str| read(line).unwrap().settings;
        let vxlan = |more: &str| settings(&format!(r#"{{"kind":"vxlan","vni":7{more}}}"#));
        assert_eq!(vxlan("").difference(&vxlan("")), None);
        assert_eq!(vxlan("").difference(&vxlan(r#","remote":"192.0.2.1""#)).unwrap(), "with remote 192.0.2.1");
        assert_eq!(vxlan(r#","remote":"192.0.2.1""#).difference(&vxlan("")).unwrap(), "without remote 192.0.2.1");
        let ports = vxlan("").difference(&vxlan(r#","dst_port":8472"#));
        assert_eq!(ports.unwrap(), "with dstport 8472, not dstport 4789");
        let (any, plain) = (settings(r#"{"kind":"bridge"}"#), settings(r#"{"kind":"bridge","vlan_filtering":false}"#));
        assert_eq!((any.difference(&plain), plain.difference(&plain)), (None, None));
        let filtering = settings(r#"{"kind":"bridge","vlan_filtering":true}"#);
        assert_eq!(filtering.difference(&plain).unwrap(), "with vlan_filtering 0, not vlan_filtering 1");
    }
}
