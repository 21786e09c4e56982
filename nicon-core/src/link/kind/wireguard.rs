//! An encrypted tunnel.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::link::Cidr;
use crate::{Error, Record, Result};

/// The fields of a peer.
const PEER: [&str; 5] = ["public_key", "endpoint", "allowed_ips", "preshared_key", "keepalive"];

/// How many networks a peer may have: they go into one message.
const MAX_NETWORKS: usize = 1000;

/// What only a wireguard link has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wireguard {
    /// The file that holds its private key. The key itself is in no record.
    pub private_key: Option<PathBuf>,
    /// The UDP port that it receives at.
    pub listen_port: Option<u16>,
    /// With whom it exchanges packets.
    pub peers: Vec<Peer>,
}

/// With whom a wireguard link exchanges packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What the peer is known by.
    pub public_key: Key,
    /// Where it receives, if that is known.
    pub endpoint: Option<SocketAddr>,
    /// The networks whose packets go to it, and come from it.
    pub allowed_ips: Vec<Cidr>,
    /// The file that holds a further key, which both share.
    pub preshared_key: Option<PathBuf>,
    /// How often it is sent something so that a firewall between does not forget it, in seconds; 0 for never.
    pub keepalive: Option<u16>,
}

/// A key of wireguard, as `wg(8)` writes it. It is shown only if it is asked for: it may be a private one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Wireguard {
    pub(super) fn from_record(record: &Record) -> Result<Self> {
        let peers = match record.get("peers") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(peers)) => peers.iter().map(Peer::from_value).collect::<Result<Vec<_>>>()?,
            Some(_) => return Err(Error::invalid("field \"peers\": expected a list of objects")),
        };
        let again = |(at, peer): (usize, &Peer)| peers[..at].iter().any(|other| other.public_key == peer.public_key);
        if let Some((_, peer)) = peers.iter().enumerate().find(|(at, peer)| again((*at, peer))) {
            return Err(Error::invalid(format!("field \"peers\": {} is there twice", peer.public_key.text())));
        }
        let networks: Vec<_> = peers.iter().flat_map(|peer| peer.allowed_ips.iter().map(network)).collect();
        if let Some((_, ip)) = networks.iter().enumerate().find(|(at, ip)| networks[..*at].contains(ip)) {
            return Err(Error::invalid(format!("field \"peers\": {ip} can be among the \"allowed_ips\" only once")));
        }
        Ok(Self { private_key: path(record, "private_key")?, listen_port: record.integer("listen_port")?, peers })
    }
}

impl Peer {
    fn from_value(value: &Value) -> Result<Self> {
        let read = || {
            let Value::Object(fields) = value else { return Err(Error::invalid("expected an object")) };
            if let Some(other) = fields.keys().find(|field| !PEER.contains(&field.as_str())) {
                return Err(Error::invalid(format!("a peer has no \"{other}\", but {}", PEER.join(", "))));
            }
            let peer = Record::parse(&value.to_string())?;
            let public_key = peer.text("public_key")?.ok_or_else(|| Error::invalid("a peer needs a \"public_key\""))?;
            let endpoint = peer.text("endpoint")?.map(|text| {
                let why = || Error::invalid(format!("\"{text}\" is not an endpoint such as 192.0.2.9:51820"));
                text.parse().map_err(|_| why())
            });
            let allowed_ips = peer.list("allowed_ips", "192.0.2.0/24")?.iter().map(network).collect::<Vec<_>>();
            if allowed_ips.len() > MAX_NETWORKS {
                return Err(Error::invalid(format!("a peer has at most {MAX_NETWORKS} \"allowed_ips\"")));
            }
            Ok(Self {
                public_key: public_key.parse()?,
                endpoint: endpoint.transpose()?,
                allowed_ips,
                preshared_key: path(&peer, "preshared_key")?,
                keepalive: peer.integer("keepalive")?,
            })
        };
        read().map_err(|error| error.prefix("field \"peers\""))
    }
}

/// A network, without the bits that an address has behind the prefix.
fn network(cidr: &Cidr) -> Cidr {
    Cidr::new(cidr.network(), cidr.prefix_len())
}

/// A field that names a file. A key in its place would end up in messages and records.
fn path(record: &Record, field: &str) -> Result<Option<PathBuf>> {
    let Some(text) = record.text(field)? else { return Ok(None) };
    if text.is_empty() || text.parse::<Key>().is_ok() {
        return Err(Error::invalid(format!("field \"{field}\": give the file that holds the key, not the key itself")));
    }
    Ok(Some(text.into()))
}

impl Key {
    /// One that the kernel reports. All zeroes are none.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Option<Self> {
        (bytes != [0; 32]).then_some(Self(bytes))
    }

    /// Its bytes, as the kernel takes them.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key as `wg(8)` writes it. Not for private ones.
    #[must_use]
    pub fn text(&self) -> String {
        STANDARD.encode(self.0)
    }
}

impl FromStr for Key {
    type Err = Error;

    /// The error does not show the text: it may be a private key that is only misspelled.
    fn from_str(text: &str) -> Result<Self> {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| Error::invalid("not a key of wireguard: 32 bytes in base64, 44 characters"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

    fn read(fields: &str) -> Result<Wireguard> {
        Wireguard::from_record(&Record::parse(&fields.replace("KEY", KEY)).unwrap())
    }

    #[test]
    fn keys_are_read_and_not_shown() {
        let key: Key = KEY.parse().unwrap();
        assert_eq!((key.text(), format!("{key:?}")), (KEY.to_owned(), "Key(..)".to_owned()));
        for text in ["", "AAAA", &KEY[..43], &format!("{KEY}="), &KEY.replace('A', "-")] {
            let error = text.parse::<Key>().unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
        assert!(Key::new([0; 32]).is_none());
    }

    #[test]
    fn peers() {
        let peer =
            r#"{"public_key":"KEY","endpoint":"[2001:db8::1]:51820","allowed_ips":["192.0.2.0/24"],"keepalive":25}"#;
        let wireguard = read(&format!(r#"{{"private_key":"/etc/key","listen_port":51820,"peers":[{peer}]}}"#)).unwrap();
        assert_eq!((wireguard.listen_port, wireguard.peers[0].keepalive), (Some(51820), Some(25)));
        assert_eq!(wireguard.peers[0].endpoint.unwrap().to_string(), "[2001:db8::1]:51820");
        for (fields, why) in [
            (r#"{"private_key":"KEY"}"#, "not the key itself"),
            (r#"{"private_key":""}"#, "not the key itself"),
            (r#"{"listen_port":65536}"#, "listen_port"),
            (r#"{"peers":{}}"#, "expected a list of objects"),
            (r#"{"peers":[1]}"#, "field \"peers\": expected an object"),
            (r#"{"peers":[{}]}"#, "a peer needs a \"public_key\""),
            (r#"{"peers":[{"public_key":"x"}]}"#, "not a key of wireguard"),
            (r#"{"peers":[{"public_key":"KEY","port":1}]}"#, "a peer has no \"port\""),
            (r#"{"peers":[{"public_key":"KEY","endpoint":"host:1"}]}"#, "is not an endpoint"),
            (r#"{"peers":[{"public_key":"KEY","allowed_ips":["x"]}]}"#, "is not an IP address"),
            (r#"{"peers":[{"public_key":"KEY","preshared_key":"KEY"}]}"#, "not the key itself"),
            (r#"{"peers":[{"public_key":"KEY","allowed_ips":["192.0.2.1/24","192.0.2.2/24"]}]}"#, "only once"),
            (r#"{"peers":[{"public_key":"KEY"},{"public_key":"KEY"}]}"#, "is there twice"),
        ] {
            let error = read(fields).unwrap_err().to_string();
            assert!(error.contains(why), "{fields}: {error}");
            assert!(!why.contains("itself") || !error.contains(KEY), "{error}");
        }
    }
}
