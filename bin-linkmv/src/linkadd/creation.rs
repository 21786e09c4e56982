//! The message by which the kernel creates a link.

use std::os::fd::{AsFd, AsRawFd};

use nicon_core::link::kind::Settings;
use nicon_core::{Error, Result};
use nicon_rtnl::netlink::about;
use nicon_rtnl::packet_route::link::LinkAttribute;
use nicon_rtnl::{NetlinkError, NetnsHandle, settings};
use nix::errno::Errno;

use crate::linkadd::asked::Asked;
use crate::linkadd::lower::Lower;
use crate::linkadd::rival::rival;

/// A link that is to be created, where, and on what.
#[derive(Clone, Copy)]
pub(crate) struct Creation<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) own: &'a NetnsHandle,
    pub(crate) lower: &'a Lower,
}

impl Creation<'_> {
    /// Equivalent to `ip link add NAME link PARENT netns ... type KIND ...`, sent from the namespace of the link below: that is
    /// where the kernel looks for it, and where a tunnel's sockets stay. Returns its ifindex, if that is known.
    pub(crate) fn create(&self, name: &str) -> std::result::Result<Option<u32>, NetlinkError> {
        let mut message = about(0);
        message.attributes = self.asked.attributes(name);
        if !self.own.is(&self.lower.netns) {
            message.attributes.push(LinkAttribute::NetNsFd(self.own.ns.as_fd().as_raw_fd()));
        }
        message.attributes.extend(settings::request(&self.asked.kind.settings, self.lower.ifindex()));
        self.lower.netns.netlink.create_link(message)
    }

    /// Whether the kernel refuses the name because another link has it in the namespace of the one below.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn is_name_taken_below(&self, error: &NetlinkError) -> Result<bool> {
        let may_be = error.errno == Errno::EEXIST && !self.own.is(&self.lower.netns);
        Ok(may_be && self.lower.netns.netlink.link(self.asked.link.name.as_str())?.is_some())
    }

    /// Turns the kernel's refusal to create the link into ours.
    pub(crate) fn refused(&self, error: NetlinkError) -> Error {
        let errno = error.errno;
        let error = error.context(&format!("make {} in {}", self.asked.link.name, self.own.label));
        if let (Errno::EEXIST, Settings::Vxlan(vxlan)) = (errno, &self.asked.kind.settings) {
            let rival = rival(vxlan, &self.lower.netns).map(|rival| format!("; VNI {} is that of {rival}", vxlan.vni));
            return error.suffix(&rival.unwrap_or_default());
        }
        match (errno, &self.lower.link) {
            (Errno::EOPNOTSUPP, _) => {
                let kind = self.asked.kind.settings.kind();
                error.suffix(&format!("; this kernel may have no links of kind {kind} (module {})", kind.module()))
            }
            (Errno::EINVAL | Errno::EBUSY, Some(lower)) => {
                error.suffix(&format!("; {} may be unable to carry a {}", lower.name, self.kind_in_words()))
            }
            _ => error,
        }
    }

    /// The message that creates it, in the words of `ip`.
    pub(crate) fn words(&self) -> String {
        let Lower { netns, link } = self.lower;
        let from = if netns.is(self.own) { String::new() } else { format!(" from [{}]", netns.label) };
        let link = link.as_ref().map(|link| format!(" link {}", link.name)).unwrap_or_default();
        let (words, kind) = (self.asked.link.words(), self.kind_in_words());
        format!("link add{link}{from} {words} netns [{}] type {kind}", self.own.label)
    }

    fn kind_in_words(&self) -> String {
        let settings = &self.asked.kind.settings;
        [vec![settings.kind().to_string()], settings.words()].concat().join(" ")
    }
}
