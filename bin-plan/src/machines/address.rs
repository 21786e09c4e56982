//! How the others reach a machine.

use std::fmt;
use std::io;
use std::net::IpAddr;

/// Looks up the addresses of a name.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> io::Result<Vec<IpAddr>>;

/// An address, or a name that is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Ip(IpAddr),
    Name(String),
}

impl Address {
    /// Reads one.
    ///
    /// # Errors
    /// If no packet can be sent there.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return match why_not(ip) {
                Some(why) => Err(format!("\"{text}\" is {why}")),
                None => Ok(Self::Ip(ip)),
            };
        }
        let is_label = |label: &str| {
            let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            !label.is_empty() && !label.starts_with('-') && label.chars().all(is_letter)
        };
        // What is made of digits and dots alone was to be an address.
        let is_name =
            text.trim_end_matches('.').split('.').all(is_label) && text.contains(|c: char| c.is_ascii_alphabetic());
        if is_name {
            Ok(Self::Name(text.to_owned()))
        } else {
            Err(format!("\"{text}\" is neither an IP address nor a name"))
        }
    }

    /// The addresses that others can send to.
    ///
    /// # Errors
    /// Why there are none.
    pub(super) fn all(&self, lookup: Lookup) -> Result<Vec<IpAddr>, String> {
        let Self::Name(name) = self else {
            return Ok(self.ip().into_iter().collect());
        };
        let mut found = lookup(name).map_err(|error| format!("look up {name}: {error}"))?;
        let first = found.first().copied();
        found.retain(|ip| why_not(*ip).is_none());
        match (first, found.is_empty()) {
            (_, false) => Ok(found),
            // As Debian's /etc/hosts has it for a machine's own name.
            (Some(ip), true) => {
                Err(format!("{name} is {ip} here, where no other machine can send to: give an address"))
            }
            (None, true) => Err(format!("{name} has no address")),
        }
    }

    /// The address, if it is not a name.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

fn why_not(ip: IpAddr) -> Option<&'static str> {
    match ip {
        _ if ip.is_loopback() => Some("an address of every machine's own"),
        _ if ip.is_multicast() => Some("no address of one machine, but a group"),
        _ if ip.is_unspecified() => Some("no address"),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Some("an address of one link only"),
        _ => None,
    }
}

/// An address of theirs, of a family that both have: whoever sends over IPv4 does not hear over IPv6. IPv4 if both have that, and of
/// several the least, in whichever order they were told.
pub(super) fn of_one_family(ours: &[IpAddr], theirs: &[IpAddr]) -> Option<IpAddr> {
    [true, false].into_iter().find_map(|v4| {
        let is_of_it = |ip: &&IpAddr| ip.is_ipv4() == v4;
        ours.iter().find(is_of_it).and_then(|_| theirs.iter().filter(is_of_it).min()).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_a_name() {
        for good in ["192.0.2.1", "2001:db8::1", "lab2", "lab-2.example.net", "lab2.example."] {
            assert_eq!(Address::parse(good).unwrap().to_string(), good);
        }
        for (bad, why) in [
            ("127.0.1.1", "is an address of every machine's own"),
            ("::", "is no address"),
            ("224.0.0.1", "is no address of one machine"),
            ("fe80::1", "is an address of one link only"),
            ("fe80::1%eth0", "is neither"),
            ("192.0.2.300", "is neither"),
            ("", "is neither"),
            ("a b", "is neither"),
            ("-a", "is neither"),
        ] {
            let told = Address::parse(bad).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn names_are_looked_up() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let lookup = |name: &str| match name {
            "own" => Ok(vec![ip("127.0.1.1")]),
            "both" => Ok(vec![ip("127.0.1.1"), ip("2001:db8::1"), ip("192.0.2.1")]),
            _ => Err(io::Error::other("no such name")),
        };
        let all = |text: &str| Address::parse(text).unwrap().all(&lookup);
        assert_eq!(all("both").unwrap(), [ip("2001:db8::1"), ip("192.0.2.1")]);
        assert_eq!(all("192.0.2.7").unwrap(), [ip("192.0.2.7")]);
        assert!(all("own").unwrap_err().starts_with("own is 127.0.1.1 here"));
        assert_eq!(all("gone").unwrap_err(), "look up gone: no such name");
        let both = all("both").unwrap();
        assert_eq!(of_one_family(&both, &both), Some(ip("192.0.2.1")));
        assert_eq!(of_one_family(&[ip("2001:db8::9")], &both), Some(ip("2001:db8::1")));
        assert_eq!(of_one_family(&[ip("192.0.2.9")], &[ip("2001:db8::1")]), None);
        let several = ["192.0.2.7", "192.0.2.3", "192.0.2.5"].map(ip);
        assert_eq!(of_one_family(&both, &several), Some(ip("192.0.2.3")));
    }
}
