//! What one end of a pair is to be like.

use nicon_core::link::{Cidr, LinkName, Mac};
use nicon_core::{Error, Record, Result};
use nicon_rtnl::packet_route::link::LinkAttribute;

/// The fields of a record that ask for an end of a pair.
pub(crate) const FIELDS: [&str; 6] = ["pair", "name", "mac", "mtu", "master", "addr"];

/// One end.
pub(crate) struct End {
    pub(crate) name: LinkName,
    pub(crate) mac: Option<Mac>,
    pub(crate) mtu: Option<u32>,
    /// The bridge, bond or VRF that it becomes a port of.
    pub(crate) master: Option<LinkName>,
    pub(crate) addresses: Vec<Cidr>,
}

impl End {
    /// The attributes with which the kernel creates it.
    pub(crate) fn attributes(&self) -> Vec<LinkAttribute> {
        let mut attributes = vec![LinkAttribute::IfName(self.name.to_string())];
        attributes.extend(self.mac.map(|mac| LinkAttribute::Address(mac.bytes())));
        attributes.extend(self.mtu.map(LinkAttribute::Mtu));
        attributes
    }
}

impl TryFrom<&Record> for End {
    type Error = Error;

    fn try_from(record: &Record) -> Result<Self> {
        let name = record.text("name")?.ok_or_else(|| Error::failed("neither NAME nor a \"name\" in the record"))?;
        Ok(Self {
            name: name.parse()?,
            mac: record.text("mac")?.map(str::parse).transpose()?,
            mtu: record.integer("mtu")?,
            master: record.text("master")?.map(str::parse).transpose()?,
            addresses: record.list("addr", "192.0.2.1/24")?,
        })
    }
}
