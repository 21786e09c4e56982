//! A link that is to be made, of whatever kind: what any such link is to be like.

use nicon_core::link::{LinkName, LinkSpec, NewName};
use nicon_core::{Record, Result};
use nicon_rtnl::packet_route::link::LinkAttribute;
use nicon_rtnl::{Link, NetnsHandle};

use crate::configuring::configuration::Configuration;
use crate::link::mark::Mark;

/// A link that is to be made.
pub(crate) struct NewLink {
    pub(crate) name: LinkName,
    pub(crate) spec: LinkSpec,
    /// The mark that it gets if it is made.
    pub(crate) mark: Option<Mark>,
}

impl NewLink {
    /// One with a name, and all else as a record asks for it.
    ///
    /// # Errors
    /// If the record cannot be understood, or the kernel could not give a link all of that.
    pub(crate) fn new(name: LinkName, record: &Record) -> Result<Self> {
        let mut others = record.clone();
        others.remove("name");
        let spec = LinkSpec { name: Some(NewName::Name(name.clone())), ..LinkSpec::from_record(&others)? };
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

    /// The attributes with which the kernel creates it, with a name that may not be its own yet.
    pub(crate) fn attributes(&self, name: &str) -> Vec<LinkAttribute> {
        let mut attributes = vec![LinkAttribute::IfName(name.to_owned())];
        attributes.extend(self.spec.mac.map(|mac| LinkAttribute::Address(mac.bytes())));
        attributes.extend(self.spec.mtu.map(LinkAttribute::Mtu));
        attributes.extend(self.mark.as_ref().map(|mark| LinkAttribute::Group(mark.group())));
        attributes
    }

    /// What it is to be like in a network namespace; see [`Configuration::exact`].
    ///
    /// # Errors
    /// If its master is not there.
    pub(crate) fn configuration<'a>(&'a self, netns: &'a NetnsHandle, exact: bool) -> Result<Configuration<'a>> {
        let spec = &self.spec;
        let master = spec.master.as_ref().map(|name| netns.master(name)).transpose()?;
        let mark = self.mark.as_ref();
        let plan = mark.map(|mark| mark.plan.as_str());
        Ok(Configuration { spec, netns, master, origin: None, mark, plan, exact })
    }
}
