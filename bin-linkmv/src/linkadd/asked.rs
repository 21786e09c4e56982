//! The link that a record asks for.

use nicon_core::link::{Kind, KindSpec, LinkName, LinkSpec, Mac, NewName, kind};
use nicon_core::{Error, Record, Result};
use nicon_rtnl::packet_route::link::LinkAttribute;

use crate::link::mark::Mark;
use crate::random;
use crate::wishes;

/// A link that is to be made.
pub(crate) struct Asked {
    pub(crate) name: LinkName,
    pub(crate) kind: KindSpec,
    pub(crate) spec: LinkSpec,
    /// The hardware address of a bridge that none was asked for. One that was not given any has the lowest of its ports', which
    /// changes as they come and go, and neighbours go on sending to the old one (`br_stp_recalculate_bridge_id` in `net/bridge/br_stp_if.c`).
    pub(crate) lasting_mac: Option<Mac>,
    /// The mark that it gets if it is made.
    pub(crate) mark: Option<Mark>,
}

impl Asked {
    /// The attributes with which the kernel creates it, in the words of `ip`.
    pub(crate) fn words(&self) -> String {
        let mtu = self.spec.mtu.map(|mtu| format!(" mtu {mtu}")).unwrap_or_default();
        let mac = self.spec.mac.map(|mac| format!(" address {mac}")).unwrap_or_default();
        format!("name {}{mtu}{mac}", self.name)
    }

    /// Those that any link may have.
    pub(crate) fn attributes(&self) -> Vec<LinkAttribute> {
        let mac = self.spec.mac.or(self.lasting_mac).map(|mac| LinkAttribute::Address(mac.bytes()));
        let group = self.mark.as_ref().map(|mark| LinkAttribute::Group(mark.group()));
        mac.into_iter().chain(self.spec.mtu.map(LinkAttribute::Mtu)).chain(group).collect()
    }
}

/// Removes the wishes that were carried out.
pub(crate) fn remove_wishes(record: &mut Record) {
    record.remove_all(&kind::FIELDS);
    record.remove_all(&wishes::FIELDS);
}

impl TryFrom<&Record> for Asked {
    type Error = Error;

    fn try_from(record: &Record) -> Result<Self> {
        let kind = KindSpec::from_record(record)?;
        let name = kind.name(record)?;
        let mut others = record.clone();
        others.remove("name");
        let spec = LinkSpec { name: Some(NewName::Name(name.clone())), ..LinkSpec::from_record(&others)? };
        spec.check()?;
        let needs_mac = kind.settings.kind() == Kind::Bridge && spec.mac.is_none();
        let lasting_mac = needs_mac.then(|| random::bytes().map(Mac::local)).transpose()?;
        Ok(Self { name, kind, spec, lasting_mac, mark: None })
    }
}
