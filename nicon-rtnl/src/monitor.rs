//! What happens to the links of a network namespace, as the kernel announces it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nicon_core::link::Cidr;
use nicon_core::{Context, Result};
use nix::errno::Errno;
use nix::libc::{MSG_DONTWAIT, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK, RTNLGRP_NSID};
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};

use crate::entry::Entry;
use crate::handle::NetnsHandle;
use crate::link::Link;
use crate::socket::messages;

/// The longest message, in bytes.
const LONGEST: usize = 64 << 10;

/// The most datagrams that are read at once. A socket holds fewer, so what was in it when reading began is read.
const MOST: usize = 1024;

/// What happened in a network namespace.
pub enum Event {
    /// The link exists, with these attributes.
    Link(Box<Link>),
    /// The link is gone.
    Gone(Box<Link>),
    /// The link with this ifindex has an address.
    Address(u32, Cidr),
    /// The link with this ifindex has lost an address.
    AddressGone(u32, Cidr),
    /// Another network namespace was given this number here, or has lost it: it may be that of yet another one by now.
    Number(i32),
    /// Events were lost, since the socket overflowed: everything has to be listed again. Events that were still in the socket are
    /// dropped, since they are older than that list and could contradict it.
    Overrun,
}

/// A socket to which the kernel announces what happens in one network namespace.
pub struct Monitor(Socket);

impl NetnsHandle {
    /// Subscribes to what happens here from now on. Equivalent to `ip monitor link address nsid`.
    ///
    /// # Errors
    /// If no socket can be opened.
    pub fn monitor(&self) -> Result<Monitor> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
            socket.bind(&SocketAddr::new(0, groups.cast_unsigned()))?;
            socket.add_membership(RTNLGRP_NSID)?;
            Ok::<_, io::Error>(Monitor(socket))
        };
        self.inside(open)?.context(|| "open a netlink socket")
    }
}

/// Can be read from when something has happened.
impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Monitor {
    /// What has happened since the last time. Waits for nothing.
    ///
    /// # Errors
    /// If the socket fails.
    pub fn events(&self) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        let mut bytes = Vec::with_capacity(LONGEST);
        for _ in 0..MOST {
            bytes.clear();
            match self.0.recv(&mut bytes, MSG_DONTWAIT) {
                Err(error) if is(&error, Errno::EAGAIN) => break,
                Err(error) if is(&error, Errno::ENOBUFS) => {
                    self.drain().context(|| "read events of links")?;
                    return Ok(vec![Event::Overrun]);
                }
                received => received.context(|| "read events of links")?,
            };
            // What cannot be read is looked at when everything is listed.
            let read = messages(&bytes).map(|message| message.map_or(Some(Event::Overrun), |read| event(read.payload)));
            events.extend(read.flatten());
        }
        Ok(events)
    }

    /// Discards all that is in the socket.
    fn drain(&self) -> io::Result<()> {
        loop {
            match self.0.recv(&mut Vec::new(), MSG_DONTWAIT) {
                Err(error) if is(&error, Errno::EAGAIN) => return Ok(()),
                Err(error) if !is(&error, Errno::ENOBUFS) => return Err(error),
                _ => {}
            }
        }
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

fn event(payload: NetlinkPayload<Entry>) -> Option<Event> {
    match payload {
        NetlinkPayload::Overrun(_) => Some(Event::Overrun),
        NetlinkPayload::InnerMessage(entry) => match entry {
            Entry::Link(link) => Some(Event::Link(link)),
            Entry::LinkGone(link) => Some(Event::Gone(link)),
            Entry::Address(ifindex, address) => Some(Event::Address(ifindex, address)),
            Entry::AddressGone(ifindex, address) => Some(Event::AddressGone(ifindex, address)),
            Entry::Number(nsid) => Some(Event::Number(nsid)),
            Entry::Other => None,
        },
        _ => None,
    }
}
