//! The link that a record asks for.

use nicon_core::link::{Kind, KindSpec, Mac, kind};
use nicon_core::{Error, Record, Result};
use nicon_rtnl::packet_route::link::LinkAttribute;

use crate::making::new_link::NewLink;
use crate::random;
use crate::wishes;

/// A link that is to be made.
pub(crate) struct Asked {
    pub(crate) link: NewLink,
    pub(crate) kind: KindSpec,
    /// The hardware address of a bridge that none was asked for. One that was not given any has the lowest of its ports', which
    /// changes as they come and go, and neighbours go on sending to the old one (`br_stp_recalculate_bridge_id` in `net/bridge/br_stp_if.c`).
    pub(crate) lasting_mac: Option<Mac>,
}

impl Asked {
    /// The attributes with which the kernel creates it that any link may have, with a name that may not be its own yet.
    pub(crate) fn attributes(&self, name: &str) -> Vec<LinkAttribute> {
        let mut attributes = self.link.attributes(name);
        attributes.extend(self.lasting_mac.map(|mac| LinkAttribute::Address(mac.bytes())));
        attributes
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
        let link = NewLink::new(kind.name(record)?, record)?;
        let needs_mac = kind.settings.kind() == Kind::Bridge && link.spec.mac.is_none();
        let lasting_mac = needs_mac.then(|| random::bytes().map(Mac::local)).transpose()?;
        Ok(Self { link, kind, lasting_mac })
    }
}
