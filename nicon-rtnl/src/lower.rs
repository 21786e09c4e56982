//! The link that another refers to, in words.

use nicon_core::Result;
use nicon_core::path::HOST;

use crate::handle::NetnsHandle;
use crate::link::Link;
use crate::netlink::Far;
use crate::netns;

impl NetnsHandle {
    /// The name of the link that one of this namespace refers to, and where it is if that is elsewhere; as far as both can be
    /// found out, for a message.
    #[must_use]
    pub fn lower_in_words(&self, link: &Link) -> Option<String> {
        let ifindex = link.lower?;
        let Some(nsid) = link.lower_nsid else { return Some(self.netlink.link_at(ifindex).ok()??.name) };
        let place = self.place(nsid).unwrap_or_else(|| "another network namespace".to_owned());
        match self.netlink.link_in(nsid, ifindex) {
            Ok(Far::There(other)) => Some(format!("{} in {place}", other.name)),
            Ok(Far::Denied) => Some(format!("link {ifindex} in {place}")),
            Ok(Far::Gone) | Err(_) => None,
        }
    }

    /// Whether what a link of this namespace refers to is in `other`.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn leads_into(&self, link: &Link, other: &Self) -> Result<bool> {
        if self.is(other) {
            return Ok(link.lower_nsid.is_none());
        }
        // If a link here referred to one in there, that namespace would have a number here.
        let nsid = self.netlink.nsid_of(&other.ns)?;
        Ok(nsid.is_some() && link.lower_nsid == nsid)
    }

    /// What messages call the namespace that this one knows by the number `nsid`.
    fn place(&self, nsid: i32) -> Option<String> {
        let is_it = |found: &netns::Found| {
            let number = found.open().and_then(|other| self.netlink.nsid_of(&other));
            number.is_ok_and(|number| number == Some(nsid))
        };
        let found = netns::all().ok()?.found.into_iter().find(is_it)?;
        Some(if found.ino == self.home.id.ino { HOST.to_owned() } else { found.way.to_string() })
    }
}
