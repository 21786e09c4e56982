//! What happens to the links of a network namespace, as the kernel announces it.

use futures_util::{Stream, StreamExt};
use nicon_core::link::Cidr;
use nicon_core::{Doing, Result};
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::{MulticastGroup, new_multicast_connection};

use crate::address;
use crate::link::Link;
use crate::netlink::inside;
use crate::place::Place;

/// One announcement.
pub enum News {
    /// The link is there, and like this.
    Link(Box<Link>),
    /// The link has left.
    Gone(Box<Link>),
    /// The link with this ifindex has an address.
    Address(u32, Cidr),
    /// The link with this ifindex has lost an address.
    AddressGone(u32, Cidr),
    /// More happened than the socket could hold, and some of it is lost: look at everything again.
    Overrun,
}

impl Place {
    /// What happens here from now on. Equivalent to `ip monitor link address`.
    ///
    /// # Errors
    /// Where no socket can be opened.
    pub fn news(&self, home: &Self) -> Result<impl Stream<Item = News> + use<>> {
        let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
        let opened = inside(&self.ns, &home.ns, || new_multicast_connection(&groups))?;
        let (connection, handle, messages) = opened.doing(|| "open a netlink socket")?;
        tokio::spawn(connection);
        // The connection ends when nobody could ask it anything any more: the handle has to live as long as the news.
        Ok(messages.filter_map(move |(message, _)| {
            let _ = &handle;
            std::future::ready(news(message.payload))
        }))
    }
}

fn news(payload: NetlinkPayload<RouteNetlinkMessage>) -> Option<News> {
    match payload {
        NetlinkPayload::Overrun(_) => Some(News::Overrun),
        NetlinkPayload::InnerMessage(message) => match message {
            // What bridges announce of their ports comes by the same group, and with the same types of message.
            RouteNetlinkMessage::NewLink(message) | RouteNetlinkMessage::DelLink(message)
                if message.header.interface_family != AddressFamily::Unspec =>
            {
                None
            }
            RouteNetlinkMessage::NewLink(message) => Some(News::Link(Box::new(message.into()))),
            RouteNetlinkMessage::DelLink(message) => Some(News::Gone(Box::new(message.into()))),
            RouteNetlinkMessage::NewAddress(message) => {
                Some(News::Address(message.header.index, address::told(&message)))
            }
            RouteNetlinkMessage::DelAddress(message) => {
                Some(News::AddressGone(message.header.index, address::told(&message)))
            }
            _ => None,
        },
        _ => None,
    }
}
