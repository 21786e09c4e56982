//! What happens to the links of a network namespace, as the kernel announces it.

use std::io;
use std::os::fd::AsFd;

use nicon_core::link::Cidr;
use nicon_core::{Context, Result};
use nix::errno::Errno;
use nix::libc::{MSG_DONTWAIT, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};

use crate::entry::Entry;
use crate::link::Link;
use crate::netlink::inside;
use crate::place::Place;
use crate::socket::messages;

/// The longest announcement, in bytes.
const LONGEST: usize = 64 << 10;

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
    /// More happened than the socket could hold, and some of it is lost: look at everything again. What the socket did hold is
    /// dropped: it is older than the look, and nothing may follow that takes it back.
    Overrun,
    /// The process that the place was found by has exited.
    Exited,
}

/// A socket of one network namespace that hears what happens there.
pub struct Ear(Socket);

impl Place {
    /// Hears what happens here from now on. Equivalent to `ip monitor link address`.
    ///
    /// # Errors
    /// Where no socket can be opened.
    pub fn listen(&self, home: &Self) -> Result<Ear> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
            socket.bind(&SocketAddr::new(0, groups.cast_unsigned()))?;
            Ok::<_, io::Error>(Ear(socket))
        };
        inside(&self.ns, &home.ns, open)?.context(|| "open a netlink socket")
    }
}

/// Waits for the next events in any of the places, and returns each with the number of its place. Exited processes come last,
/// that of the last place first, so that a caller that removes a place need not renumber the events that follow.
///
/// # Errors
/// Where a socket fails.
pub fn hear<'a>(places: impl IntoIterator<Item = (&'a Place, &'a Ear)>) -> Result<Vec<(usize, News)>> {
    let places: Vec<_> = places.into_iter().collect();
    let sockets = places.iter().map(|(_, Ear(socket))| socket.as_fd());
    let processes = places.iter().filter_map(|(place, _)| place.process()).map(AsFd::as_fd);
    let mut waiting: Vec<_> = sockets.chain(processes).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    poll(&mut waiting, PollTimeout::NONE).context(|| "wait for news of links")?;
    let mut heard = Vec::new();
    let mut bytes = Vec::with_capacity(LONGEST);
    for (number, ((_, Ear(socket)), ready)) in places.iter().zip(&waiting).enumerate() {
        if ready.any() != Some(true) {
            continue;
        }
        bytes.clear();
        match socket.recv(&mut bytes, 0) {
            Err(error) if is(&error, Errno::ENOBUFS) => {
                drain(socket).context(|| "read news of links")?;
                heard.push((number, News::Overrun));
            }
            received => {
                received.context(|| "read news of links")?;
                for message in messages(&bytes) {
                    let message = message.map_err(|refusal| refusal.context("read news of links"))?;
                    heard.extend(news(message.payload).map(|news| (number, news)));
                }
            }
        }
    }
    if waiting[places.len()..].iter().any(|process| process.any() == Some(true)) {
        let exited = places.iter().enumerate().rev().filter(|(_, (place, _))| place.check_alive().is_err());
        heard.extend(exited.map(|(number, _)| (number, News::Exited)));
    }
    Ok(heard)
}

/// Reads all that a socket holds, for nothing.
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

fn news(payload: NetlinkPayload<Entry>) -> Option<News> {
    match payload {
        NetlinkPayload::Overrun(_) => Some(News::Overrun),
        NetlinkPayload::InnerMessage(entry) => match entry {
            Entry::Link(link) => Some(News::Link(link)),
            Entry::LinkGone(link) => Some(News::Gone(link)),
            Entry::Address(ifindex, address) => Some(News::Address(ifindex, address)),
            Entry::AddressGone(ifindex, address) => Some(News::AddressGone(ifindex, address)),
            Entry::Other => None,
        },
        _ => None,
    }
}
