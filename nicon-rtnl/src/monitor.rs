//! What happens to the links of a network namespace, as the kernel announces it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nicon_core::link::Cidr;
use nicon_core::{Context, Result};
use nix::errno::Errno;
use nix::libc::{MSG_DONTWAIT, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
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

/// What happened to a link.
pub enum Event {
    /// The link exists, with these attributes.
    Link(Box<Link>),
    /// The link is gone.
    Gone(Box<Link>),
    /// The link with this ifindex has an address.
    Address(u32, Cidr),
    /// The link with this ifindex has lost an address.
    AddressGone(u32, Cidr),
    /// The socket overflowed and events were lost: everything has to be listed again. Events that were still in the socket are
    /// dropped, since they are older than that list and could contradict it.
    Overrun,
    /// The process that the namespace was found by has exited.
    Exited,
}

/// A socket to which the kernel announces what happens in one network namespace.
pub struct Monitor(Socket);

impl NetnsHandle {
    /// Subscribes to what happens here from now on. Equivalent to `ip monitor link address`.
    ///
    /// # Errors
    /// If no socket can be opened.
    pub fn monitor(&self) -> Result<Monitor> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
            socket.bind(&SocketAddr::new(0, groups.cast_unsigned()))?;
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
                    drain(&self.0).context(|| "read events of links")?;
                    return Ok(vec![Event::Overrun]);
                }
                received => received.context(|| "read events of links")?,
            };
            let read = messages(&bytes).map(|message| message.map_or(Some(Event::Overrun), |read| event(read.payload)));
            events.extend(read.flatten());
        }
        Ok(events)
    }
}

/// Waits for the next events in any of the namespaces, and returns each with the position of its namespace. Exited processes
/// come last, that of the last namespace first, so that a caller that removes one need not renumber the events that follow.
///
/// # Errors
/// If a socket fails.
pub fn next_events<'a>(
    namespaces: impl IntoIterator<Item = (&'a NetnsHandle, &'a Monitor)>,
) -> Result<Vec<(usize, Event)>> {
    let namespaces: Vec<_> = namespaces.into_iter().collect();
    let sockets = namespaces.iter().map(|(_, Monitor(socket))| socket.as_fd());
    let processes = namespaces.iter().filter_map(|(netns, _)| netns.process()).map(AsFd::as_fd);
    let mut waiting: Vec<_> = sockets.chain(processes).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    poll(&mut waiting, PollTimeout::NONE).context(|| "wait for events of links")?;
    let mut events = Vec::new();
    let mut bytes = Vec::with_capacity(LONGEST);
    for (number, ((_, Monitor(socket)), ready)) in namespaces.iter().zip(&waiting).enumerate() {
        if ready.any() != Some(true) {
            continue;
        }
        bytes.clear();
        match socket.recv(&mut bytes, 0) {
            Err(error) if is(&error, Errno::ENOBUFS) => {
                drain(socket).context(|| "read events of links")?;
                events.push((number, Event::Overrun));
            }
            received => {
                received.context(|| "read events of links")?;
                for message in messages(&bytes) {
                    let message = message.map_err(|error| error.context("read events of links"))?;
                    events.extend(event(message.payload).map(|event| (number, event)));
                }
            }
        }
    }
    if waiting[namespaces.len()..].iter().any(|process| process.any() == Some(true)) {
        let exited = namespaces.iter().enumerate().rev().filter(|(_, (netns, _))| netns.check_alive().is_err());
        events.extend(exited.map(|(number, _)| (number, Event::Exited)));
    }
    Ok(events)
}

/// Discards all that is in a socket.
fn drain(socket: &Socket) -> io::Result<()> {
    loop {
        match socket.recv(&mut Vec::new(), MSG_DONTWAIT) {
            Err(error) if is(&error, Errno::EAGAIN) => return Ok(()),
            Err(error) if !is(&error, Errno::ENOBUFS) => return Err(error),
            _ => {}
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
            Entry::Other => None,
        },
        _ => None,
    }
}
