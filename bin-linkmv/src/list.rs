//! Lists of links and addresses: parsed as the kernel sends them, and of each no more than is looked at.

use nicon_core::link::Cidr;
use nicon_core::{Doing, Error, Result};
use nix::libc;
use rtnetlink::packet_core::{
    DecodeError, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NlasIterator, Parseable, ParseableParametrized,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkHeader, LinkInfo, LinkMessage};
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};

use crate::address;
use crate::link::Link;
use crate::netlink::inside;
use crate::place::Place;
use crate::refusal::Refusal;

/// The most that the kernel sends of a list at once, in bytes; see `netlink_dump` of `net/netlink/af_netlink.c`.
const PIECE: usize = 32 << 10;

/// How often a list is asked for that changes while it is told.
const TRIES: usize = 4;

/// Length of the `ifinfomsg` before the attributes of a link, in bytes; see `rtnetlink(7)`.
const LINK_HEADER: usize = 16;

/// Whether a link is bound to its network namespace; of `linux/if_link.h`, Linux 6.15.
const IFLA_NETNS_IMMUTABLE: u16 = 67;

/// The attributes of which a [`Link`] is made. To parse the others takes several times as long.
const LOOKED_AT: [u16; 16] = [
    libc::IFLA_IFNAME,
    libc::IFLA_ADDRESS,
    libc::IFLA_IFALIAS,
    libc::IFLA_MASTER,
    libc::IFLA_MTU,
    libc::IFLA_OPERSTATE,
    IFLA_NETNS_IMMUTABLE,
    libc::IFLA_PROP_LIST,
    libc::IFLA_LINKINFO,
    libc::IFLA_LINK,
    libc::IFLA_LINK_NETNSID,
    libc::IFLA_NEW_NETNSID,
    libc::IFLA_NEW_IFINDEX,
    libc::IFLA_STATS64,
    libc::IFLA_PARENT_DEV_NAME,
    libc::IFLA_PARENT_DEV_BUS_NAME,
];

/// What the kernel listed.
pub struct Listed<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Whether nothing changed meanwhile. Otherwise one that was there all the while may be missing.
    pub settled: bool,
}

impl<T> Listed<T> {
    fn filter_map<U>(self, pick: impl FnMut(T) -> Option<U>) -> Listed<U> {
        Listed { entries: self.entries.into_iter().filter_map(pick).collect(), settled: self.settled }
    }
}

impl Place {
    /// All links, or those of one kind. Equivalent to `ip -d link show type KIND`, with `-s` where `stats` is set.
    ///
    /// # Errors
    /// Where the kernel does not tell, or links come and go all the while.
    pub fn links(&self, home: &Self, kind: Option<&str>, stats: bool) -> Result<Listed<Link>> {
        let mut question = LinkMessage::default();
        if !stats {
            question.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        }
        if let Some(kind) = kind {
            question.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind.into())]));
        }
        let listed = self.list(home, RouteNetlinkMessage::GetLink(question));
        Ok(listed.map_err(|error| error.within("list links"))?.filter_map(|entry| match entry {
            // A kind that the kernel has never heard of does not filter anything there.
            Entry::Link(link) if kind.is_none() || link.kind.as_deref() == kind => {
                // The kernel leaves out the counters of IPv6 alone.
                Some(Link { stats: link.stats.filter(|_| stats), ..*link })
            }
            _ => None,
        }))
    }

    /// The addresses of all links, each with the ifindex of its link. Equivalent to `ip addr show`.
    ///
    /// # Errors
    /// Where the kernel does not tell.
    pub fn addresses(&self, home: &Self) -> Result<Listed<(u32, Cidr)>> {
        let question = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let listed = self.list(home, question);
        Ok(listed.map_err(|error| error.within("list addresses"))?.filter_map(|entry| match entry {
            Entry::Address(ifindex, address) => Some((ifindex, address)),
            _ => None,
        }))
    }

    fn list(&self, home: &Self, question: RouteNetlinkMessage) -> Result<Listed<Entry>> {
        let socket = inside(&self.ns, &home.ns, connect)?.doing(|| "open a netlink socket")?;
        let mut question = NetlinkMessage::from(question);
        question.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        question.finalize();
        let mut request = vec![0; question.buffer_len()];
        question.serialize(&mut request);
        let ask = || {
            socket.send(&request, 0).doing(|| "ask the kernel")?;
            receive(&socket)
        };
        let mut listed = ask()?;
        for _ in 1..TRIES {
            if listed.settled {
                break;
            }
            listed = ask()?;
        }
        Ok(listed)
    }
}

fn connect() -> std::io::Result<Socket> {
    let socket = Socket::new(NETLINK_ROUTE)?;
    // Nobody but the kernel can then send us anything.
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.set_ext_ack(true)?;
    socket.set_netlink_get_strict_chk(true)?;
    Ok(socket)
}

/// Reads a list to its end.
fn receive(socket: &Socket) -> Result<Listed<Entry>> {
    let mut listed = Listed { entries: Vec::new(), settled: true };
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        socket.recv(&mut piece, 0).doing(|| "read the kernel's answer")?;
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let message = NetlinkMessage::<Entry>::deserialize(rest);
            let message = message.map_err(|error| Error::failed(format!("read the kernel's answer: {error}")))?;
            listed.settled &= message.header.flags & NLM_F_DUMP_INTR == 0;
            match message.payload {
                NetlinkPayload::InnerMessage(entry) => listed.entries.push(entry),
                NetlinkPayload::Done(_) => return Ok(listed),
                NetlinkPayload::Error(error) => return Err(Refusal::from(&error).doing("ask the kernel")),
                _ => {}
            }
            let length = message.header.length as usize;
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

/// One entry of a list.
enum Entry {
    Link(Box<Link>),
    Address(u32, Cidr),
    Other,
}

impl NetlinkDeserializable for Entry {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> std::result::Result<Self, DecodeError> {
        match header.message_type {
            libc::RTM_NEWLINK => Ok(Self::Link(Box::new(parse_link(payload)?.into()))),
            libc::RTM_NEWADDR => {
                let message = AddressMessage::parse(payload)?;
                Ok(Self::Address(message.header.index, address::told(&message)))
            }
            _ => Ok(Self::Other),
        }
    }
}

fn parse_link(payload: &[u8]) -> std::result::Result<LinkMessage, DecodeError> {
    let mut message = LinkMessage::default();
    message.header = LinkHeader::parse(payload)?;
    let attributes = payload.get(LINK_HEADER..).unwrap_or_default();
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute?;
        if LOOKED_AT.contains(&attribute.kind()) {
            let parsed = LinkAttribute::parse_with_param(&attribute, message.header.interface_family)?;
            message.attributes.push(parsed);
        }
    }
    Ok(message)
}
