//! The requests that change links, their alternative names, addresses, routes and neighbours.

use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, Prop};

use crate::error::NetlinkError;
use crate::netlink::{Netlink, about, link, set_flags};

impl Netlink {
    /// Creates a link. Equivalent to `ip link add`. Returns its ifindex, if it is in this namespace and the kernel tells (Linux 6.2).
    ///
    /// # Errors
    /// The kernel's error.
    pub fn create_link(&self, message: LinkMessage) -> std::result::Result<Option<u32>, NetlinkError> {
        // The kernel would send an echo from another namespace to the socket that has our socket's number there.
        let is_elsewhere = message.attributes.iter().any(|attribute| matches!(attribute, LinkAttribute::NetNsFd(_)));
        let echo = if is_elsewhere { 0 } else { NLM_F_ECHO };
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL | echo;
        // Whatever else the kernel tells of it, the link is there.
        let answers = self.requests.exchange(RouteNetlinkMessage::NewLink(message), flags)?.entries;
        Ok(answers.into_iter().find_map(link).map(|created| created.ifindex))
    }

    /// Deletes a link. Equivalent to `ip link del`.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn delete_link(&self, ifindex: u32) -> std::result::Result<(), NetlinkError> {
        self.exchange(RouteNetlinkMessage::DelLink(about(ifindex)), NLM_F_ACK).map(drop)
    }

    /// Changes a link's own attributes and flags, or moves it to another network namespace. Like `ip link set`, but that it reaches
    /// neither its options as a port nor those of its kind: [`Netlink::set_link_and_port`] does.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn set_link(&self, message: LinkMessage) -> std::result::Result<(), NetlinkError> {
        self.exchange(RouteNetlinkMessage::SetLink(message), NLM_F_ACK).map(drop)
    }

    /// Changes a link, its options as a port and those of its kind. Equivalent to `ip link set LINK type bridge_slave ...`.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn set_link_and_port(&self, message: LinkMessage) -> std::result::Result<(), NetlinkError> {
        self.exchange(RouteNetlinkMessage::NewLink(message), NLM_F_ACK).map(drop)
    }

    /// Brings a link up, or takes it down. Equivalent to `ip link set LINK up`.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn set_up(&self, ifindex: u32, up: bool) -> std::result::Result<(), NetlinkError> {
        let mut message = about(ifindex);
        set_flags(&mut message, LinkFlags::Up, up);
        self.set_link(message)
    }

    /// Gives a link an alternative name. Equivalent to `ip link property add dev LINK altname NAME`.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn add_altname(&self, ifindex: u32, name: &str) -> std::result::Result<(), NetlinkError> {
        let message = RouteNetlinkMessage::NewLinkProp(altname(ifindex, name));
        self.exchange(message, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    /// Takes an alternative name away. Equivalent to `ip link property del dev LINK altname NAME`.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn remove_altname(&self, ifindex: u32, name: &str) -> std::result::Result<(), NetlinkError> {
        self.exchange(RouteNetlinkMessage::DelLinkProp(altname(ifindex, name)), NLM_F_ACK).map(drop)
    }

    /// Creates the address, the route or the neighbour of `message`, unless it is there. It replaces an address or a neighbour, but no
    /// route: what a route would replace may be one of another link.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn put_entry(&self, message: RouteNetlinkMessage) -> std::result::Result<(), NetlinkError> {
        if !matches!(message, RouteNetlinkMessage::NewRoute(_)) {
            return self.exchange(message, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE).map(drop);
        }
        match self.exchange(message, NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND) {
            Err(error) if error.errno == Errno::EEXIST => Ok(()),
            put => put.map(drop),
        }
    }

    /// Creates the address, the route or the neighbour of `message`, and replaces nothing. Equivalent to `ip route add`.
    ///
    /// # Errors
    /// The kernel's error: EEXIST if it is there already.
    pub fn add_entry(&self, message: RouteNetlinkMessage) -> std::result::Result<(), NetlinkError> {
        self.exchange(message, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    /// Removes the address or the route that `message` would create.
    ///
    /// # Errors
    /// The kernel's error.
    ///
    /// # Panics
    /// If `message` creates neither, which is a bug.
    pub fn remove_entry(&self, message: RouteNetlinkMessage) -> std::result::Result<(), NetlinkError> {
        let message = match message {
            RouteNetlinkMessage::NewAddress(address) => RouteNetlinkMessage::DelAddress(address),
            RouteNetlinkMessage::NewRoute(route) => RouteNetlinkMessage::DelRoute(route),
            other => unreachable!("{other:?} creates no address or route"),
        };
        self.exchange(message, NLM_F_ACK).map(drop)
    }
}

fn altname(ifindex: u32, name: &str) -> LinkMessage {
    let mut message = about(ifindex);
    message.attributes.push(LinkAttribute::PropList(vec![Prop::AltIfName(name.to_owned())]));
    message
}
