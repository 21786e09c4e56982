//! A link that another one, or a socket, of the same network namespace is tied to.

use std::fmt;

use nicon_core::Result;
use serde::Serialize;

use crate::listing::Listing;

/// A link of the same network namespace, such as the bridge, bond or VRF that a link is a port of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct OwnLink {
    /// Its name, unless it has vanished in the meantime.
    name: Option<String>,
    pub(crate) ifindex: u32,
}

impl OwnLink {
    pub(crate) fn new(listing: &Listing, ifindex: u32) -> Result<Self> {
        let name = match listing.links.get(&ifindex) {
            Some(known) => Some(known.link.name.clone()),
            None => listing.netns.netlink.link_at(ifindex)?.map(|link| link.name),
        };
        Ok(Self { name, ifindex })
    }
}

/// Its name or, if it has vanished, its ifindex.
impl fmt::Display for OwnLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => self.ifindex.fmt(f),
        }
    }
}
