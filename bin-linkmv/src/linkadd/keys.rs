//! The keys and peers of a wireguard link. Private keys are read from files, and go to the kernel and nowhere else.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nicon_core::link::kind::Wireguard;
use nicon_core::link::kind::wireguard::{Key, Peer};
use nicon_core::{Context, Error, Result};
use nicon_rtnl::wireguard::{self, Device};
use nicon_rtnl::{Link, NetnsHandle};

/// The longest file that is read, in bytes: a key has 44.
const LONGEST: u64 = 256;

/// What a link is to have.
pub(crate) struct Keys<'a> {
    asked: &'a Wireguard,
    wanted: Device,
    /// Whether it is to have no other peers.
    exact: bool,
}

impl<'a> Keys<'a> {
    /// Reads the files of those that are asked for.
    ///
    /// # Errors
    /// If one holds no key, or everybody can read it.
    pub(crate) fn read(asked: &'a Wireguard, exact: bool) -> Result<Self> {
        let peer = |peer: &Peer| {
            Ok(wireguard::Peer {
                public_key: peer.public_key,
                preshared_key: peer.preshared_key.as_deref().map(read_key).transpose()?,
                endpoint: peer.endpoint,
                allowed_ips: peer.allowed_ips.clone(),
                keepalive: peer.keepalive,
            })
        };
        let wanted = Device {
            private_key: asked.private_key.as_deref().map(read_key).transpose()?,
            listen_port: asked.listen_port,
            peers: asked.peers.iter().map(peer).collect::<Result<_>>()?,
        };
        Ok(Self { asked, wanted, exact })
    }

    /// Gives a link what it lacks, and returns what it had before; `None` if it lacks nothing.
    ///
    /// # Errors
    /// If the kernel does not do it. Nothing is changed.
    pub(crate) fn give(&self, netns: &NetnsHandle, link: &Link) -> Result<Option<Device>> {
        if self.wanted == Device::default() && !self.exact {
            return Ok(None);
        }
        let before = netns.wireguard(link.ifindex)?;
        let (lacking, surplus) = (self.lacking(&before), self.surplus(&before));
        if lacking == Device::default() && surplus.is_empty() {
            return Ok(None);
        }
        // First those that go: a network that another peer has would be taken from that one.
        let removed = netns.remove_wireguard_peers(link.ifindex, &surplus);
        if let Err(error) = removed.and_then(|()| netns.set_wireguard(link.ifindex, &lacking, false)) {
            netns.set_wireguard(link.ifindex, &before, true).map_err(|failure| failure.prefix(&error))?;
            return Err(error);
        }
        Ok(Some(before))
    }

    /// The step that does it, in the words of `wg`.
    pub(crate) fn step(&self, name: &str, present: &Device) -> Option<String> {
        let lacking = self.lacking(present);
        let mut words = Vec::new();
        if let Some(file) = self.asked.private_key.as_ref().filter(|_| lacking.private_key.is_some()) {
            words.push(format!("private-key {}", file.display()));
        }
        words.extend(lacking.listen_port.map(|port| format!("listen-port {port}")));
        let is_lacking = |peer: &&Peer| lacking.peers.iter().any(|other| other.public_key == peer.public_key);
        words.extend(self.asked.peers.iter().filter(is_lacking).map(peer_in_words));
        words.extend(self.surplus(present).iter().map(|key| format!("peer {} remove", key.text())));
        (!words.is_empty()).then(|| format!("wg set {name} {}", words.join(" ")))
    }

    fn surplus(&self, present: &Device) -> Vec<Key> {
        let is_wanted = |key: &Key| self.wanted.peers.iter().any(|peer| peer.public_key == *key);
        let present = present.peers.iter().map(|peer| peer.public_key);
        present.filter(|key| self.exact && !is_wanted(key)).collect()
    }

    fn lacking(&self, present: &Device) -> Device {
        let Device { private_key, listen_port, peers } = &self.wanted;
        let lacks = |peer: &&wireguard::Peer| !present.peers.iter().any(|other| has(other, peer));
        Device {
            private_key: private_key.filter(|key| present.private_key != Some(*key)),
            listen_port: listen_port.filter(|port| present.listen_port != Some(*port)),
            peers: peers.iter().filter(lacks).cloned().collect(),
        }
    }
}

/// Whether a peer has all that is wanted of it.
fn has(present: &wireguard::Peer, wanted: &wireguard::Peer) -> bool {
    let networks = |other: &wireguard::Peer, peer: &wireguard::Peer| {
        other.allowed_ips.iter().all(|network| peer.allowed_ips.contains(network))
    };
    present.public_key == wanted.public_key
        && (wanted.preshared_key.is_none() || wanted.preshared_key == present.preshared_key)
        && (wanted.endpoint.is_none() || wanted.endpoint == present.endpoint)
        && (wanted.keepalive.is_none() || wanted.keepalive == present.keepalive)
        && networks(present, wanted)
        && networks(wanted, present)
}

fn peer_in_words(peer: &Peer) -> String {
    let mut words = vec![format!("peer {}", peer.public_key.text())];
    words.extend(peer.preshared_key.as_ref().map(|file| format!("preshared-key {}", file.display())));
    words.extend(peer.endpoint.map(|endpoint| format!("endpoint {endpoint}")));
    words.extend(peer.keepalive.map(|seconds| format!("persistent-keepalive {seconds}")));
    let networks: Vec<_> = peer.allowed_ips.iter().map(ToString::to_string).collect();
    words.extend((!networks.is_empty()).then(|| format!("allowed-ips {}", networks.join(","))));
    words.join(" ")
}

/// Reads a key from a file.
fn read_key(path: &Path) -> Result<Key> {
    let what = || format!("read the key in {}", path.display());
    let file = File::open(path).context(what)?;
    let found = file.metadata().context(what)?;
    if found.is_file() && found.permissions().mode() & 0o004 != 0 {
        let file = path.display();
        return Err(Error::failed(format!("everybody can read the key in {file} (chmod o= {file})")));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).context(what)?;
    text.trim().parse().map_err(|error: Error| error.prefix(what()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_lacks() {
        let key = |byte| Key::new([byte; 32]).unwrap();
        let peer = |endpoint: Option<&str>, networks: &[&str]| wireguard::Peer {
            public_key: key(1),
            preshared_key: None,
            endpoint: endpoint.map(|text| text.parse().unwrap()),
            allowed_ips: networks.iter().map(|text| text.parse().unwrap()).collect(),
            keepalive: None,
        };
        let present = peer(Some("192.0.2.9:1"), &["192.0.2.0/24", "198.51.100.0/24"]);
        assert!(has(&present, &peer(None, &["198.51.100.0/24", "192.0.2.0/24"])));
        assert!(!has(&present, &peer(None, &["192.0.2.0/24"])));
        assert!(!has(&present, &peer(Some("192.0.2.9:2"), &["192.0.2.0/24", "198.51.100.0/24"])));
        assert!(!has(&present, &wireguard::Peer { public_key: key(2), ..present.clone() }));
    }
}
