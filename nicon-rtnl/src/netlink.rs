//! A netlink socket in one network namespace. It stays there wherever the program goes.

use std::cell::OnceCell;
use std::os::fd::{AsFd, AsRawFd};

use nicon_core::{Context, Error, Namespace, NsId, Result};
use nix::errno::Errno;
use rtnetlink::packet_core::{DefaultNla, NLM_F_DUMP};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkMessage};
use rtnetlink::packet_route::nsid::{NsidAttribute, NsidMessage};

use crate::entry::Entry;
use crate::error::NetlinkError;
use crate::ethtool::Ethtool;
use crate::inside::inside;
use crate::link::Link;
use crate::once::{self, Links, Once};
use crate::socket::Requests;

/// The attribute for looking up names longer than 15 bytes: `IFLA_ALT_IFNAME` in `linux/if_link.h`.
const IFLA_ALT_IFNAME: u16 = 53;

/// A rtnetlink socket; see `rtnetlink(7)`.
pub struct Netlink {
    pub(crate) requests: Requests,
    /// Opened when it is first needed; `None` if the kernel does not have it.
    pub(crate) ethtool: OnceCell<Option<Ethtool>>,
    /// What was listed, if it is not asked for again.
    pub(crate) once: Option<Once>,
}

/// A link of another network namespace, as seen from this one.
pub enum Far {
    /// It is there.
    There(Box<Link>),
    /// It, or its namespace, is gone.
    Gone,
    /// We may not look: that needs root, or `CAP_NET_ADMIN` there.
    Denied,
}

impl Netlink {
    /// Opens a socket in a network namespace.
    ///
    /// # Errors
    /// If we may not enter it.
    pub(crate) fn open_in(there: &Namespace, home: NsId) -> Result<Self> {
        inside(there, home, Self::open)?
    }

    /// Opens a socket in the network namespace of this thread.
    pub(crate) fn open() -> Result<Self> {
        let requests = Requests::open().context(|| "open a netlink socket")?;
        Ok(Self { requests, ethtool: OnceCell::new(), once: None })
    }

    /// The same socket, by which nothing is asked twice: for a program that changes nothing.
    pub(crate) fn looking_once(self) -> Self {
        Self { once: Some(Once::default()), ..self }
    }

    /// All links, if nothing is asked twice.
    pub(crate) fn links_once(&self) -> Result<Option<&Links>> {
        let Some(once) = &self.once else { return Ok(None) };
        let list = || Ok(Links::new(self.list_links(None)?.entries.into_iter().map(|link| *link).collect()));
        once::list(&once.links, list).map(Some)
    }

    /// The link called `name`, which may be an alternative name. Equivalent to `ip link show NAME`.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn link(&self, name: &str) -> Result<Option<Link>> {
        if let Some(links) = self.links_once()? {
            return Ok(links.called(name).cloned());
        }
        let mut question = LinkMessage::default();
        question.attributes.push(if name.len() <= 15 {
            LinkAttribute::IfName(name.to_owned())
        } else {
            LinkAttribute::Other(DefaultNla::new(IFLA_ALT_IFNAME, name.bytes().chain([0]).collect()))
        });
        self.ask(question).map_err(|error| error.context(&format!("look for link {name}")))
    }

    fn ask(&self, mut question: LinkMessage) -> std::result::Result<Option<Link>, NetlinkError> {
        question.attributes.push(without_stats());
        match self.requests.exchange(RouteNetlinkMessage::GetLink(question), 0) {
            Err(error) if error.errno == Errno::ENODEV => Ok(None),
            answered => Ok(answered?.entries.into_iter().find_map(link)),
        }
    }

    /// The link that has an ifindex. Equivalent to `ip link show`, by number.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn link_at(&self, ifindex: u32) -> Result<Option<Link>> {
        if let Some(links) = self.links_once()? {
            return Ok(links.at(ifindex).cloned());
        }
        self.ask(about(ifindex)).map_err(|error| error.context(&format!("look for link {ifindex}")))
    }

    /// All that the kernel reports about one link. Equivalent to `ip -d link show`, by number.
    ///
    /// # Errors
    /// If the kernel does not answer, or there is no such link.
    pub fn link_message(&self, ifindex: u32) -> Result<LinkMessage> {
        let mut question = about(ifindex);
        question.attributes.push(without_stats());
        let context = format!("look at link {ifindex}");
        let answers = self.exchange(RouteNetlinkMessage::GetLink(question), 0);
        let answers = answers.map_err(|error| match error.errno {
            Errno::ENODEV => Error::no(format!("link {ifindex} is gone")),
            _ => error.context(&context),
        })?;
        answers.into_iter().find_map(as_link).ok_or_else(|| Error::failed(format!("{context}: no answer")))
    }

    /// The link that has an ifindex in the namespace that this socket's own knows by the number `nsid`: nobody needs to go
    /// there. See `ip-netns(8)`, nsid.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn link_in(&self, nsid: i32, ifindex: u32) -> Result<Far> {
        let mut question = about(ifindex);
        question.attributes.push(LinkAttribute::IfNetnsId(nsid));
        match self.ask(question) {
            Ok(link) => Ok(link.map_or(Far::Gone, |link| Far::There(Box::new(link)))),
            // A namespace that has ended has no number any more.
            Err(error) if error.errno == Errno::EINVAL => Ok(Far::Gone),
            // Of another namespace the kernel says EACCES in place of EPERM (`rtnl_get_net_ns_capable` of
            // `net/core/rtnetlink.c`).
            Err(error) if [Errno::EACCES, Errno::EPERM].contains(&error.errno) => Ok(Far::Denied),
            Err(error) => {
                Err(error.context(&format!("find link {ifindex} in another network namespace (nsid {nsid})")))
            }
        }
    }

    /// The addresses of a link. Equivalent to `ip addr show dev LINK`.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn addresses(&self, ifindex: u32) -> Result<Vec<AddressMessage>> {
        let Some(once) = &self.once else { return self.list_addresses(ifindex) };
        let all =
            once::list(&once.addresses, || Ok(once::grouped(self.list_addresses(0)?, |address| address.header.index)))?;
        Ok(all.get(&ifindex).cloned().unwrap_or_default())
    }

    /// The addresses of a link, or, if `ifindex` is 0, of all.
    fn list_addresses(&self, ifindex: u32) -> Result<Vec<AddressMessage>> {
        let mut question = AddressMessage::default();
        question.header.index = ifindex;
        let answers = self.dump(RouteNetlinkMessage::GetAddress(question));
        let answers = answers.map_err(|error| error.context("list addresses"))?;
        let addresses = answers.into_iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewAddress(address) => Some(address),
            _ => None,
        });
        Ok(addresses.filter(|address| ifindex == 0 || address.header.index == ifindex).collect())
    }

    /// The number by which this socket's network namespace knows `other`, where it knows it at all; see
    /// `ip-netns(8)`, nsid.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn nsid_of(&self, other: &Namespace) -> Result<Option<i32>> {
        let Some(once) = &self.once else { return self.ask_nsid(other) };
        if let Some(known) = once.nsids.borrow().get(&other.id()) {
            return Ok(*known);
        }
        let nsid = self.ask_nsid(other)?;
        once.nsids.borrow_mut().insert(other.id(), nsid);
        Ok(nsid)
    }

    fn ask_nsid(&self, other: &Namespace) -> Result<Option<i32>> {
        let mut question = NsidMessage::default();
        question.attributes.push(NsidAttribute::Fd(other.as_fd().as_raw_fd().cast_unsigned()));
        let answers = self.exchange(RouteNetlinkMessage::GetNsId(question), 0);
        let answers = answers.map_err(|error| error.context("ask for the number of a network namespace"))?;
        let ids = answers.into_iter().find_map(|answer| match answer {
            RouteNetlinkMessage::NewNsId(message) => {
                message.attributes.into_iter().find_map(|attribute| match attribute {
                    NsidAttribute::Id(id) => Some(id),
                    _ => None,
                })
            }
            _ => None,
        });
        Ok(ids.filter(|id| *id >= 0))
    }

    /// Lists what `question` asks for.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn dump(&self, question: RouteNetlinkMessage) -> std::result::Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        self.exchange(question, NLM_F_DUMP)
    }

    pub(crate) fn exchange(
        &self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> std::result::Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        Ok(self.requests.exchange(message, flags)?.entries)
    }
}

/// An empty message about the link with this ifindex.
#[must_use]
pub fn about(ifindex: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = ifindex;
    message
}

/// Has a message switch `flags` of its link on or off, and leave the others as they are.
pub fn set_flags(message: &mut LinkMessage, flags: LinkFlags, on: bool) {
    message.header.flags.set(flags, on);
    message.header.change_mask |= flags;
}

/// Asks the kernel to leave out the IPv6 counters, which nobody uses.
pub(crate) fn without_stats() -> LinkAttribute {
    LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])
}

pub(crate) fn link(answer: Entry) -> Option<Link> {
    match answer {
        Entry::Link(link) => Some(*link),
        _ => None,
    }
}

fn as_link(answer: RouteNetlinkMessage) -> Option<LinkMessage> {
    match answer {
        RouteNetlinkMessage::NewLink(message) => Some(message),
        _ => None,
    }
}
