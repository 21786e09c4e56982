//! What a link or a network namespace is found by: the words of --having.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use nicon_core::link::{AltName, Cidr, mac};
use nicon_core::{Error, Result};
use nicon_rtnl::listening::{Listener, Proto};

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Having {
    /// A link has this name, or it is one of its alternative names.
    Name(String),
    /// A link has this hardware address, as `ip link` prints it.
    Mac(String),
    /// A link has this address, or one in this network.
    Ip(Cidr),
    /// Something listens on this port.
    Port(Port),
}

/// A port, of one protocol or of either.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Port {
    proto: Option<Proto>,
    pub(crate) port: u16,
}

impl Port {
    /// The protocols that it is looked for in.
    pub(crate) fn protos(&self) -> impl Iterator<Item = Proto> {
        let proto = self.proto;
        [Proto::Tcp, Proto::Udp].into_iter().filter(move |other| proto.is_none_or(|proto| proto == *other))
    }

    pub(crate) fn is_of(self, listener: &Listener) -> bool {
        self.port == listener.port && self.protos().any(|proto| proto == listener.proto)
    }
}

impl FromStr for Having {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or(("", text));
        match kind {
            "name" => name(rest),
            "mac" => hardware(rest).ok_or_else(|| invalid(text, "a MAC looks like 02:00:5e:00:53:01")),
            "ip" => ip(rest)?.ok_or_else(|| invalid(text, "it takes an address or a network, such as 192.0.2.0/24")),
            "tcp" => port(Some(Proto::Tcp), text, rest),
            "udp" => port(Some(Proto::Udp), text, rest),
            "port" => port(None, text, rest),
            _ => bare(text),
        }
    }
}

/// What a word without a prefix means.
fn bare(text: &str) -> Result<Having> {
    if let Some(ip) = ip(text)? {
        return Ok(ip);
    }
    if text.contains(':') {
        let forms = "name:eth0, mac:02:00:5e:00:53:01, ip:192.0.2.1, tcp:8080, udp:53 or port:53";
        return hardware(text).ok_or_else(|| invalid(text, &format!("it takes {forms}")));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return Err(invalid(
            text,
            &format!("a port is port:{text}, tcp:{text} or udp:{text}, and a link is name:{text}"),
        ));
    }
    name(text)
}

/// A name or an alternative name, which has fewer rules.
fn name(text: &str) -> Result<Having> {
    text.parse::<AltName>().map_err(|_| invalid(text, "no link can have that name"))?;
    Ok(Having::Name(text.to_owned()))
}

fn hardware(text: &str) -> Option<Having> {
    let pairs: Vec<&str> = text.split(':').collect();
    let is_pair = |pair: &&str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bytes = mac::bytes(text).filter(|_| pairs.len() > 1 && pairs.iter().all(is_pair))?;
    Some(Having::Mac(mac::hex(&bytes)))
}

/// `None` if it is no address at all.
fn ip(text: &str) -> Result<Option<Having>> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        // Links have no address that is one of IPv4 within IPv6, but sockets show theirs so. The prefix is as long as it can be: all
        // of the address.
        return Ok(Some(Having::Ip(Cidr::new(ip.to_canonical(), u8::MAX))));
    }
    if let Some((ip, link)) = text.split_once('%').filter(|(ip, _)| ip.parse::<IpAddr>().is_ok()) {
        return Err(invalid(text, &format!("a link is a condition of its own: --having {ip} --having name:{link}")));
    }
    if let Ok(both) = text.parse::<SocketAddr>() {
        let (ip, port) = (both.ip(), both.port());
        return Err(invalid(text, &format!("a port is a condition of its own: --having {ip} --having tcp:{port}")));
    }
    if text.split_once('/').is_none_or(|(ip, _)| ip.parse::<IpAddr>().is_err()) {
        return Ok(None);
    }
    let net: Cidr = text.parse()?;
    if net.ip() != net.network() {
        let (ip, net) = (net.ip(), Cidr::new(net.network(), net.prefix_len()));
        return Err(invalid(text, &format!("it is neither the address, {ip}, nor its network, {net}")));
    }
    Ok(Some(Having::Ip(net)))
}

fn port(proto: Option<Proto>, text: &str, port: &str) -> Result<Having> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| is_number && *port > 0);
    let port = port.ok_or_else(|| invalid(text, "a port is a number from 1 to 65535"))?;
    Ok(Having::Port(Port { proto, port }))
}

fn invalid(text: &str, why: &str) -> Error {
    Error::invalid(format!("\"{text}\" is nothing to find by: {why}"))
}

impl fmt::Display for Having {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "the name {name}"),
            Self::Mac(mac) => write!(f, "the MAC {mac}"),
            Self::Ip(net) if net.prefix_len() == Cidr::new(net.ip(), u8::MAX).prefix_len() => {
                write!(f, "the address {}", net.ip())
            }
            Self::Ip(net) => write!(f, "an address in {net}"),
            Self::Port(port) => write!(f, "{}:{}", port.proto.map_or("port", Proto::name), port.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_words_mean() {
        let tcp = |port| Having::Port(Port { proto: Some(Proto::Tcp), port });
        let ip = |text: &str, length| Having::Ip(Cidr::new(text.parse().unwrap(), length));
        let (name, mac) = (|text: &str| Having::Name(text.into()), |text: &str| Having::Mac(text.into()));
        for (text, meant) in [
            ("eth0", name("eth0")),
            ("name:8080", name("8080")),
            ("name:mac:x", name("mac:x")),
            ("cafe", name("cafe")),
            ("02:00:5E:00:53:01", mac("02:00:5e:00:53:01")),
            ("mac:c0:00:02:01", mac("c0:00:02:01")),
            ("192.0.2.1", ip("192.0.2.1", 32)),
            ("ip:192.0.2.0/24", ip("192.0.2.0", 24)),
            ("2001:db8::/32", ip("2001:db8::", 32)),
            ("ip:::1", ip("::1", 128)),
            ("::1", ip("::1", 128)),
            ("::ffff:192.0.2.1", ip("192.0.2.1", 32)),
            ("tcp:8080", tcp(8080)),
            ("udp:53", Having::Port(Port { proto: Some(Proto::Udp), port: 53 })),
            ("port:53", Having::Port(Port { proto: None, port: 53 })),
        ] {
            assert_eq!(text.parse::<Having>().unwrap(), meant, "{text}");
        }
        for text in [
            "",
            "8080",
            "a/b",
            "sctp:80",
            "tcp:",
            "tcp:0",
            "tcp:+80",
            "tcp:65536",
            "tcp:http",
            "ip:eth0",
            "192.0.2.1/24",
            "192.0.2.0/33",
            "fe80::1%eth0",
            "192.0.2.1:80",
            "[::1]:80",
            "mac:2:0:5e:0:53:1",
            "mac:02",
            "name:",
        ] {
            assert!(text.parse::<Having>().is_err(), "{text}");
        }
    }
}
