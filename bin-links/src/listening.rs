//! Who listens in the network namespace of a listing, as records show it.

use std::net::IpAddr;

use nicon_core::link::Cidr;
use nicon_core::{Error, Result};
use nicon_rtnl::listening::{Listener, Listening, MOST, Proto, Sockets};
use serde::Serialize;

use crate::conditions::Conditions;
use crate::listing::{ListedLink, Listing};
use crate::own_link::OwnLink;

/// One listener. The fields are those of docs/protocol.md.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ListenerFacts {
    proto: Proto,
    addr: IpAddr,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    v6only: Option<bool>,
    /// The link that it is bound to.
    device: Option<OwnLink>,
    uid: u32,
    sockets: u32,
    inode: u32,
    #[serde(skip)]
    is_dual_stack: bool,
}

/// What listens on the ports that are asked for.
///
/// # Errors
/// If the kernel does not answer.
pub(crate) fn on_ports(listing: &Listing, conditions: &Conditions<'_>) -> Result<Listening> {
    let mut all = Listening::default();
    for port in conditions.ports() {
        for proto in port.protos() {
            let listening = listing.netns.listening(proto, port.port)?;
            all.more |= listening.more;
            all.listeners.extend(listening.listeners);
        }
    }
    Ok(all)
}

/// That there are more listeners than are told.
pub(crate) fn too_many(listing: &Listing) -> Error {
    let label = &listing.netns.label;
    Error::failed(format!("{label}: more than {MOST} sockets listen on one of these ports: some are left out"))
}

/// The listeners that are reached by a link, or by any; none unless there are some of each port.
pub(crate) fn reached<'l>(
    listening: &'l Listening,
    link: Option<&ListedLink>,
    conditions: &Conditions<'_>,
) -> Vec<(&'l Listener, Sockets)> {
    let is_reached = |listener: &Listener| link.is_none_or(|link| is_reached_by(listener, link, conditions));
    let reached = listening.listeners.iter().filter(|(listener, _)| is_reached(listener));
    let reached: Vec<_> = reached.map(|(listener, sockets)| (listener, *sockets)).collect();
    let has_all = conditions.ports().all(|port| reached.iter().any(|(listener, _)| port.is_of(listener)));
    if has_all { reached } else { Vec::new() }
}

/// Whether what comes in by a link, for an address that is asked for, reaches a listener. One that is bound to a master hears what
/// its ports receive.
fn is_reached_by(
    listener: &Listener,
    ListedLink { link, addresses }: &ListedLink,
    conditions: &Conditions<'_>,
) -> bool {
    let is_by_link = listener.device.is_none_or(|device| device == link.ifindex || Some(device) == link.master);
    let hears = |ip: IpAddr| listener.hears(ip);
    is_by_link
        && conditions.networks().all(|net| {
            let mut asked = addresses.iter().map(Cidr::ip).filter(|ip| net.contains(*ip));
            asked.any(hears)
        })
}

/// The facts of listeners.
///
/// # Errors
/// If the name of a link cannot be asked for.
pub(crate) fn facts(listing: &Listing, listeners: &[(&Listener, Sockets)]) -> Result<Vec<ListenerFacts>> {
    let facts = |&(listener, Sockets { count, inode }): &(&Listener, Sockets)| {
        let &Listener { proto, addr, port, v6only, device, uid } = listener;
        let device = device.map(|ifindex| OwnLink::new(listing, ifindex)).transpose()?;
        let is_dual_stack = listener.is_dual_stack();
        Ok(ListenerFacts { proto, addr, port, v6only, device, uid, sockets: count, inode, is_dual_stack })
    };
    listeners.iter().map(facts).collect()
}

/// As `ss` shows it: `tcp *:8080` if it hears IPv4 and IPv6.
impl std::fmt::Display for ListenerFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.proto.name())?;
        match self.addr {
            _ if self.is_dual_stack => f.write_str("*")?,
            IpAddr::V4(addr) => write!(f, "{addr}")?,
            IpAddr::V6(addr) => write!(f, "[{addr}]")?,
        }
        if let Some(device) = &self.device {
            write!(f, "%{device}")?;
        }
        write!(f, ":{}", self.port)
    }
}
