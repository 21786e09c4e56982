//! Sockets that listen in a network namespace, as `sock_diag(7)` tells of them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::ControlFlow;

use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use netlink_packet_sock_diag::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, SockDiagMessage};
use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use rtnetlink::packet_core::NLM_F_DUMP;
use rtnetlink::sys::protocols::NETLINK_SOCK_DIAG;
use serde::Serialize;

use crate::error::NetlinkError;
use crate::handle::NetnsHandle;
use crate::socket::Requests;

/// The name of the field of records that tells what listens.
pub const LISTENING: &str = "listening";

/// How many listeners of one port are told of one network namespace. Whoever owns it can have any number, on other addresses of
/// 127.0.0.0/8 each.
pub const MOST: usize = 256;

/// How many sockets of one port are counted: as many as share it with `SO_REUSEPORT` are one listener.
const MOST_SOCKETS: u32 = 1 << 20;

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proto {
    /// A connection is accepted by a socket that listens.
    Tcp,
    /// A datagram is received by a socket that has a port and is not connected.
    Udp,
}

impl Proto {
    /// Its name, as `ss` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// What tells one listener of a network namespace from the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Its protocol.
    pub proto: Proto,
    /// The port.
    pub port: u16,
    /// The address that it is bound to; `0.0.0.0` or `::` for all.
    pub addr: IpAddr,
    /// Of IPv6: whether it leaves IPv4 alone (`IPV6_V6ONLY` of `ipv6(7)`).
    pub v6only: Option<bool>,
    /// The ifindex of the link that it is bound to (`SO_BINDTODEVICE` of `socket(7)`), if it is.
    pub device: Option<u32>,
    /// Who made the socket, as a number of our own user namespace.
    pub uid: u32,
}

/// The sockets of one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// How many there are: several may share a port (`SO_REUSEPORT`).
    pub count: u32,
    /// The inode number of one of them, by which `ss -e` and /proc/PID/fd know it.
    pub inode: u32,
}

/// What listens.
#[derive(Default)]
pub struct Listening {
    /// The listeners, in order.
    pub listeners: BTreeMap<Listener, Sockets>,
    /// Whether there are more of them than these.
    pub more: bool,
}

impl Listener {
    /// Whether what is sent to `ip` reaches it, as far as addresses decide.
    #[must_use]
    pub fn hears(&self, ip: IpAddr) -> bool {
        let is_all = match self.addr.to_canonical() {
            IpAddr::V4(addr) => addr.is_unspecified() && ip.to_canonical().is_ipv4(),
            IpAddr::V6(addr) => addr.is_unspecified() && (ip.to_canonical().is_ipv6() || self.is_dual_stack()),
        };
        is_all || self.addr.to_canonical() == ip.to_canonical()
    }

    /// Whether it is bound to all addresses of IPv4 and IPv6.
    #[must_use]
    pub fn is_dual_stack(&self) -> bool {
        self.addr == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && self.v6only == Some(false)
    }
}

impl NetnsHandle {
    /// What listens on a port here. Equivalent to `ss --listening --numeric --tcp (or --udp) sport = :PORT`. The kernel picks the
    /// port, and no more than [`MOST`] listeners are kept.
    ///
    /// # Errors
    /// If we may not enter the namespace, or the kernel does not answer.
    pub fn listening(&self, proto: Proto, port: u16) -> Result<Listening> {
        let mut listening = Listening::default();
        for family in [AF_INET, AF_INET6] {
            // What was broken off makes a socket useless, so that each list has its own.
            let requests = self.inside(|| Requests::of_protocol(NETLINK_SOCK_DIAG))?;
            let requests = requests.context(|| "open a socket for sock_diag")?;
            let mut count = 0;
            let look = |answer| {
                count += 1;
                listening.more |= count > MOST_SOCKETS;
                if let SockDiagMessage::InetResponse(answer) = answer {
                    listening.add(proto, &answer);
                }
                if listening.more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let listed = requests.visit(question(proto, port, family), NLM_F_DUMP, look);
            if !listed.map_err(|error| failure(proto, error))? {
                let proto = proto.name();
                return Err(Error::failed(format!("what listens by {proto} changed while it was listed; try again")));
            }
        }
        Ok(listening)
    }
}

impl Listening {
    fn add(&mut self, proto: Proto, answer: &InetResponse) {
        let InetResponse { header, nlas } = answer;
        let v6only = nlas.iter().find_map(|nla| match nla {
            Nla::SkV6Only(v6only) => Some(*v6only),
            _ => None,
        });
        let listener = Listener {
            proto,
            addr: header.socket_id.source_address,
            port: header.socket_id.source_port,
            v6only,
            device: Some(header.socket_id.interface_id).filter(|ifindex| *ifindex > 0),
            uid: header.uid,
        };
        if let Some(sockets) = self.listeners.get_mut(&listener) {
            sockets.count += 1;
        } else if self.listeners.len() == MOST {
            self.more = true;
        } else {
            self.listeners.insert(listener, Sockets { count: 1, inode: header.inode });
        }
    }
}

fn question(proto: Proto, port: u16, family: u8) -> SockDiagMessage {
    let socket_id = if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() };
    // A socket of UDP without a connection has the state that is called closed of one of TCP.
    let (protocol, states) = match proto {
        Proto::Tcp => (IPPROTO_TCP, StateFlags::LISTEN),
        Proto::Udp => (IPPROTO_UDP, StateFlags::CLOSE),
    };
    SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol,
        extensions: ExtensionFlags::empty(),
        states,
        socket_id: SocketId { source_port: port, ..socket_id },
    })
}

fn failure(proto: Proto, error: NetlinkError) -> Error {
    let is_unknown = [Errno::ENOENT, Errno::EPROTONOSUPPORT].contains(&error.errno);
    let proto = proto.name();
    let error = error.context(&format!("list what listens by {proto}"));
    if is_unknown { error.suffix(&format!(" (the kernel lacks the module {proto}_diag)")) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(addr: &str, v6only: Option<bool>) -> Listener {
        Listener { proto: Proto::Tcp, addr: addr.parse().unwrap(), port: 80, v6only, device: None, uid: 0 }
    }

    #[test]
    fn which_addresses_reach_a_listener() {
        let hears = |addr, v6only, ip: &str| listener(addr, v6only).hears(ip.parse().unwrap());
        assert!(hears("192.0.2.1", None, "192.0.2.1") && !hears("192.0.2.1", None, "192.0.2.2"));
        assert!(hears("0.0.0.0", None, "192.0.2.1") && !hears("0.0.0.0", None, "2001:db8::1"));
        assert!(hears("::", Some(false), "192.0.2.1") && hears("::", Some(false), "2001:db8::1"));
        assert!(!hears("::", Some(true), "192.0.2.1") && hears("::", Some(true), "2001:db8::1"));
        assert!(hears("::ffff:192.0.2.1", Some(false), "192.0.2.1"));
        assert!(hears("::ffff:0.0.0.0", Some(false), "192.0.2.1"));
        assert!(!hears("::1", Some(false), "127.0.0.1"));
    }
}
