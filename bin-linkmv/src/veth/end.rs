//! What one end of a pair is to be like.

use nicon_core::link::{LinkName, LinkSpec, NewName};
use nicon_core::{Error, Record, Result};
use nicon_rtnl::Link;
use nicon_rtnl::packet_route::link::LinkAttribute;

use crate::link::mark::Mark;

/// Wishes about a link that is moved, which say nothing of one that is made.
const NOT_OF_A_PAIR: [&str; 2] = ["from", "keep"];

/// One end.
pub(crate) struct End {
    pub(crate) name: LinkName,
    pub(crate) spec: LinkSpec,
    /// The mark that it gets if it is made.
    pub(crate) mark: Option<Mark>,
}

impl End {
    /// An end with a name.
    ///
    /// # Errors
    /// If the kernel could not give a link all that the spec asks for.
    fn new(name: LinkName, mut spec: LinkSpec) -> Result<Self> {
        spec.name = Some(NewName::Name(name.clone()));
        spec.check()?;
        Ok(Self { name, spec, mark: None })
    }

    /// What it is like when the kernel has created it.
    pub(crate) fn when_new(&self) -> Link {
        let mac = self.spec.mac.map(|mac| mac.to_string());
        let group = self.mark.as_ref().map_or(0, Mark::group);
        Link { name: self.name.to_string(), mtu: self.spec.mtu, mac, group, ..Link::default() }
    }

    /// The attributes with which the kernel creates it, in the words of `ip`.
    pub(crate) fn words(&self) -> String {
        let mtu = self.spec.mtu.map(|mtu| format!(" mtu {mtu}")).unwrap_or_default();
        let mac = self.spec.mac.map(|mac| format!(" address {mac}")).unwrap_or_default();
        format!("name {}{mtu}{mac}", self.name)
    }

    /// The attributes with which the kernel creates it.
    pub(crate) fn attributes(&self) -> Vec<LinkAttribute> {
        let mut attributes = vec![LinkAttribute::IfName(self.name.to_string())];
        attributes.extend(self.spec.mac.map(|mac| LinkAttribute::Address(mac.bytes())));
        attributes.extend(self.spec.mtu.map(LinkAttribute::Mtu));
        attributes.extend(self.mark.as_ref().map(|mark| LinkAttribute::Group(mark.group())));
        attributes
    }
}

impl TryFrom<&Record> for End {
    type Error = Error;

    fn try_from(record: &Record) -> Result<Self> {
        let asked = |field: &&&str| record.get(field).is_some_and(|value| !value.is_null());
        if let Some(field) = NOT_OF_A_PAIR.iter().find(asked) {
            return Err(Error::failed(format!(
                "field \"{field}\": only a link that is moved has it, no end of a pair"
            )));
        }
        let name = record.text("name")?.ok_or_else(|| Error::failed("neither NAME nor a \"name\" in the record"))?;
        let name = name.parse()?;
        let mut asked = record.clone();
        asked.remove("name");
        Self::new(name, LinkSpec::from_record(&asked)?)
    }
}
