//! The keys and peers of wireguard links, over generic netlink; see `linux/wireguard.h`.

use std::net::{IpAddr, SocketAddr};

use nicon_core::Result;
use nicon_core::link::Cidr;
use nicon_core::link::kind::wireguard::Key;
use nix::libc::{AF_INET, AF_INET6};
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_DUMP};

use crate::attribute::{attributes, push, value};
use crate::error::NetlinkError;
use crate::generic::{Generic, HEADER};
use crate::handle::NetnsHandle;
use crate::raw::{NESTED, Raw};

// Of `linux/wireguard.h`.
const FAMILY: &str = "wireguard";
const WG_CMD_GET_DEVICE: u8 = 0;
const WG_CMD_SET_DEVICE: u8 = 1;
const WGDEVICE_A_IFINDEX: u16 = 1;
const WGDEVICE_A_PRIVATE_KEY: u16 = 3;
const WGDEVICE_A_FLAGS: u16 = 5;
const WGDEVICE_A_LISTEN_PORT: u16 = 6;
const WGDEVICE_A_PEERS: u16 = 8;
const WGDEVICE_F_REPLACE_PEERS: u32 = 1;
const WGPEER_A_PUBLIC_KEY: u16 = 1;
const WGPEER_A_PRESHARED_KEY: u16 = 2;
const WGPEER_A_FLAGS: u16 = 3;
const WGPEER_A_ENDPOINT: u16 = 4;
const WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL: u16 = 5;
const WGPEER_A_ALLOWEDIPS: u16 = 9;
const WGPEER_F_REMOVE_ME: u32 = 1;
const WGPEER_F_REPLACE_ALLOWEDIPS: u32 = 2;
const WGALLOWEDIP_A_FAMILY: u16 = 1;
const WGALLOWEDIP_A_IPADDR: u16 = 2;
const WGALLOWEDIP_A_CIDR_MASK: u16 = 3;

/// Keys and peers: what the kernel reports of a link, or what is to be set; then what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Its private key.
    pub private_key: Option<Key>,
    /// The UDP port that it receives at.
    pub listen_port: Option<u16>,
    /// Its peers, or those that are set beside others.
    pub peers: Vec<Peer>,
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What it is known by.
    pub public_key: Key,
    /// A key that both share.
    pub preshared_key: Option<Key>,
    /// Where it receives.
    pub endpoint: Option<SocketAddr>,
    /// The networks whose packets go to it, without the bits behind their prefixes.
    pub allowed_ips: Vec<Cidr>,
    /// How often it is sent something, in seconds; 0 for never.
    pub keepalive: Option<u16>,
}

impl NetnsHandle {
    /// The keys and peers of a wireguard link of this namespace. Equivalent to `wg show LINK dump`.
    ///
    /// # Errors
    /// If the kernel does not tell: that takes `CAP_NET_ADMIN` there.
    pub fn wireguard(&self, ifindex: u32) -> Result<Device> {
        let look = || {
            let socket = Generic::open(FAMILY)?;
            let listed = socket.exchange(about(&socket, WG_CMD_GET_DEVICE, ifindex), NLM_F_DUMP)?;
            Ok(device(&listed.entries))
        };
        self.inside(look)?
            .map_err(|error: NetlinkError| error.context("look at the keys and peers of a wireguard link"))
    }

    /// Removes peers. Equivalent to `wg set LINK peer KEY remove`.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn remove_wireguard_peers(&self, ifindex: u32, peers: &[Key]) -> Result<()> {
        let remove = || {
            let socket = Generic::open(FAMILY)?;
            for key in peers {
                let mut peer = Vec::new();
                push(&mut peer, WGPEER_A_PUBLIC_KEY, key.bytes());
                push(&mut peer, WGPEER_A_FLAGS, &WGPEER_F_REMOVE_ME.to_ne_bytes());
                socket.exchange(with_peer(about(&socket, WG_CMD_SET_DEVICE, ifindex), &peer), NLM_F_ACK)?;
            }
            Ok(())
        };
        self.inside(remove)?.map_err(|error: NetlinkError| error.context("remove peers of a wireguard link"))
    }

    /// Sets them. What is not among these stays, unless all is to be replaced. Equivalent to `wg set`, or `wg setconf`.
    ///
    /// # Errors
    /// The kernel's error. What was set before stays.
    pub fn set_wireguard(&self, ifindex: u32, wanted: &Device, replace: bool) -> Result<()> {
        let set = || {
            let socket = Generic::open(FAMILY)?;
            let mut own = about(&socket, WG_CMD_SET_DEVICE, ifindex);
            if replace {
                push(&mut own.payload, WGDEVICE_A_FLAGS, &WGDEVICE_F_REPLACE_PEERS.to_ne_bytes());
            }
            // All zeroes are none.
            if let Some(key) = wanted.private_key.as_ref().map(Key::bytes).or(replace.then_some(&[0; 32])) {
                push(&mut own.payload, WGDEVICE_A_PRIVATE_KEY, key);
            }
            if let Some(port) = wanted.listen_port {
                push(&mut own.payload, WGDEVICE_A_LISTEN_PORT, &port.to_ne_bytes());
            }
            socket.exchange(own, NLM_F_ACK)?;
            // One message each: all of them may be too long for one.
            for peer in &wanted.peers {
                let message = about(&socket, WG_CMD_SET_DEVICE, ifindex);
                socket.exchange(with_peer(message, &peer_attributes(peer)), NLM_F_ACK)?;
            }
            Ok(())
        };
        self.inside(set)?.map_err(|error: NetlinkError| error.context("set the keys and peers of a wireguard link"))
    }
}

fn about(socket: &Generic, command: u8, ifindex: u32) -> Raw {
    let mut message = socket.message(command);
    push(&mut message.payload, WGDEVICE_A_IFINDEX, &ifindex.to_ne_bytes());
    message
}

fn with_peer(mut message: Raw, peer: &[u8]) -> Raw {
    let mut peers = Vec::new();
    push(&mut peers, NESTED, peer);
    push(&mut message.payload, WGDEVICE_A_PEERS | NESTED, &peers);
    message
}

fn peer_attributes(peer: &Peer) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, WGPEER_A_PUBLIC_KEY, peer.public_key.bytes());
    push(&mut bytes, WGPEER_A_FLAGS, &WGPEER_F_REPLACE_ALLOWEDIPS.to_ne_bytes());
    if let Some(key) = peer.preshared_key {
        push(&mut bytes, WGPEER_A_PRESHARED_KEY, key.bytes());
    }
    if let Some(endpoint) = peer.endpoint {
        push(&mut bytes, WGPEER_A_ENDPOINT, &address(endpoint));
    }
    if let Some(seconds) = peer.keepalive {
        push(&mut bytes, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, &seconds.to_ne_bytes());
    }
    let mut networks = Vec::new();
    for network in &peer.allowed_ips {
        let mut one = Vec::new();
        let (family, ip) = match network.network() {
            IpAddr::V4(ip) => (AF_INET, ip.octets().to_vec()),
            IpAddr::V6(ip) => (AF_INET6, ip.octets().to_vec()),
        };
        push(&mut one, WGALLOWEDIP_A_FAMILY, &u16::try_from(family).unwrap_or_default().to_ne_bytes());
        push(&mut one, WGALLOWEDIP_A_IPADDR, &ip);
        push(&mut one, WGALLOWEDIP_A_CIDR_MASK, &[network.prefix_len()]);
        push(&mut networks, NESTED, &one);
    }
    push(&mut bytes, WGPEER_A_ALLOWEDIPS | NESTED, &networks);
    bytes
}

/// A `sockaddr_in` or `sockaddr_in6`; see `ip(7)` and `ipv6(7)`.
fn address(endpoint: SocketAddr) -> Vec<u8> {
    let family = |family: i32| u16::try_from(family).unwrap_or_default().to_ne_bytes().to_vec();
    let port = endpoint.port().to_be_bytes().to_vec();
    match endpoint {
        SocketAddr::V4(v4) => [family(AF_INET), port, v4.ip().octets().to_vec(), vec![0; 8]].concat(),
        SocketAddr::V6(v6) => {
            let scope = v6.scope_id().to_ne_bytes().to_vec();
            [family(AF_INET6), port, vec![0; 4], v6.ip().octets().to_vec(), scope].concat()
        }
    }
}

/// What the messages of a list tell of one link. A peer with many networks may be in several.
fn device(messages: &[Raw]) -> Device {
    let mut device = Device::default();
    for message in messages {
        let key = message.value(HEADER, WGDEVICE_A_PRIVATE_KEY).and_then(key);
        device.private_key = device.private_key.or(key);
        let port = message.value(HEADER, WGDEVICE_A_LISTEN_PORT).and_then(|port| port.try_into().ok());
        device.listen_port = device.listen_port.or(port.map(u16::from_ne_bytes));
        let peers = message.value(HEADER, WGDEVICE_A_PEERS).unwrap_or_default();
        for peer in attributes(peers).filter_map(|(_, peer)| read_peer(peer)) {
            match device.peers.iter_mut().find(|other| other.public_key == peer.public_key) {
                Some(known) => known.allowed_ips.extend(peer.allowed_ips),
                None => device.peers.push(peer),
            }
        }
    }
    device
}

fn read_peer(bytes: &[u8]) -> Option<Peer> {
    let networks = value(bytes, WGPEER_A_ALLOWEDIPS).unwrap_or_default();
    let keepalive = value(bytes, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL).and_then(|seconds| seconds.try_into().ok());
    Some(Peer {
        public_key: key(value(bytes, WGPEER_A_PUBLIC_KEY)?)?,
        preshared_key: value(bytes, WGPEER_A_PRESHARED_KEY).and_then(key),
        endpoint: value(bytes, WGPEER_A_ENDPOINT).and_then(read_address),
        allowed_ips: attributes(networks).filter_map(|(_, network)| read_network(network)).collect(),
        keepalive: keepalive.map(u16::from_ne_bytes),
    })
}

fn read_network(bytes: &[u8]) -> Option<Cidr> {
    let ip = ip(value(bytes, WGALLOWEDIP_A_IPADDR)?)?;
    Some(Cidr::new(ip, *value(bytes, WGALLOWEDIP_A_CIDR_MASK)?.first()?))
}

fn read_address(bytes: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let ip = if bytes.len() < 28 { ip(bytes.get(4..8)?)? } else { ip(bytes.get(8..24)?)? };
    Some(SocketAddr::new(ip, port))
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

fn key(bytes: &[u8]) -> Option<Key> {
    Key::new(bytes.try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_read_back() {
        let key = |byte| Key::new([byte; 32]).unwrap();
        let peer = |endpoint: Option<&str>, networks: &[&str]| Peer {
            public_key: key(1),
            preshared_key: Some(key(2)),
            endpoint: endpoint.map(|text| text.parse().unwrap()),
            allowed_ips: networks.iter().map(|text| text.parse().unwrap()).collect(),
            keepalive: Some(25),
        };
        for peer in [
            peer(Some("192.0.2.9:51820"), &["192.0.2.0/24", "2001:db8::/32"]),
            peer(Some("[2001:db8::1]:1"), &[]),
            peer(None, &["0.0.0.0/0"]),
        ] {
            assert_eq!(read_peer(&peer_attributes(&peer)), Some(peer));
        }
        assert_eq!(read_peer(&[]), None);
        let networks = |text: &str| peer_attributes(&peer(None, &[text]));
        let messages = ["192.0.2.0/24", "198.51.100.0/24"]
            .map(|text| with_peer(Raw { kind: 0, payload: vec![0; HEADER] }, &networks(text)));
        assert_eq!(device(&messages).peers, [peer(None, &["192.0.2.0/24", "198.51.100.0/24"])]);
    }
}
