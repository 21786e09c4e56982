//! Lists of links and addresses.

use nicon_core::Result;
use nicon_core::link::Cidr;
use rtnetlink::packet_core::NLM_F_DUMP;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkInfo, LinkMessage};

use crate::entry::Entry;
use crate::error::NetlinkError;
use crate::link::Link;
use crate::netlink::{Netlink, without_stats};
use crate::socket::Listed;

/// How often to try again if a list changes while it is being read.
const TRIES: usize = 4;

impl Netlink {
    /// All links, or those of one kind. Equivalent to `ip -s -d link show type KIND`.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn links(&self, kind: Option<&str>) -> Result<Listed<Box<Link>>> {
        let Some(links) = self.links_once()? else { return self.list_links(kind) };
        let all = links.all().iter().filter(|link| kind.is_none() || link.kind.as_deref() == kind);
        Ok(Listed { entries: all.map(|link| Box::new(link.clone())).collect(), settled: true })
    }

    pub(crate) fn list_links(&self, kind: Option<&str>) -> Result<Listed<Box<Link>>> {
        let mut question = LinkMessage::default();
        question.attributes.push(without_stats());
        if let Some(kind) = kind {
            question.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind.into())]));
        }
        let listed = self.list(&RouteNetlinkMessage::GetLink(question));
        Ok(listed.map_err(|error| error.context("list links"))?.filter_map(|entry| match entry {
            // The kernel does not filter by a kind that it does not know.
            Entry::Link(link) if kind.is_none() || link.kind.as_deref() == kind => Some(link),
            _ => None,
        }))
    }

    /// The addresses of all links, each with the ifindex of its link. Equivalent to `ip addr show`.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn all_addresses(&self) -> Result<Listed<(u32, Cidr)>> {
        let listed = self.list(&RouteNetlinkMessage::GetAddress(AddressMessage::default()));
        Ok(listed.map_err(|error| error.context("list addresses"))?.filter_map(|entry| match entry {
            Entry::Address(ifindex, address) => Some((ifindex, address)),
            _ => None,
        }))
    }

    fn list(&self, question: &RouteNetlinkMessage) -> std::result::Result<Listed<Entry>, NetlinkError> {
        let mut tries = 1;
        loop {
            let listed = self.requests.exchange(question.clone(), NLM_F_DUMP)?;
            if listed.settled || tries == TRIES {
                return Ok(listed);
            }
            tries += 1;
        }
    }
}
