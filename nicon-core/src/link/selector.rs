//! How a link is selected.

use std::fmt;
use std::str::FromStr;

use super::{AltName, mac};
use crate::{Error, Result};

/// A link by one of the things that it is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// A name, an alternative name or, where it is a number and no link's name, an ifindex.
    Name(String),
    /// The hardware address, as `ip link` prints it: `mac:02:00:5e:00:53:01`.
    Mac(String),
    /// The address of the PCI device: `pci:0000:01:00.0`.
    Pci(String),
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::invalid(format!("\"{text}\" is not a link: {why}")));
        if let Some(address) = text.strip_prefix("mac:") {
            return match mac::bytes(address) {
                Some(bytes) => Ok(Self::Mac(mac::hex(&bytes))),
                None => refuse("mac: takes an address such as 02:00:5e:00:53:01"),
            };
        }
        if let Some(address) = text.strip_prefix("pci:") {
            let address = address.to_lowercase();
            return match address.matches(':').count() {
                2 => Ok(Self::Pci(address)),
                // lspci leaves the domain out where there is only one.
                1 => Ok(Self::Pci(format!("0000:{address}"))),
                _ => refuse("pci: takes an address such as 0000:01:00.0"),
            };
        }
        match text {
            "" | "." | ".." => refuse("no link can have that name"),
            _ if text.len() > AltName::MAX => refuse(&format!("it is longer than {} bytes", AltName::MAX)),
            _ => match text.chars().find(|&c| c == '/' || c.is_whitespace() || c.is_control()) {
                Some(c) => refuse(&format!("it contains {c:?}")),
                None => Ok(Self::Name(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Mac(address) => write!(f, "mac:{address}"),
            Self::Pci(address) => write!(f, "pci:{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_links_are_known_by() {
        let parse = |text: &str| text.parse::<Selector>();
        assert_eq!(parse("mac:02:00:5E:00:53:01").unwrap().to_string(), "mac:02:00:5e:00:53:01");
        assert_eq!(parse("pci:01:00.0").unwrap().to_string(), "pci:0000:01:00.0");
        assert_eq!(parse("eth0").unwrap(), Selector::Name("eth0".into()));
        assert_eq!(parse("7").unwrap(), Selector::Name("7".into()));
        for text in ["", ".", "a b", "a/b", "mac:", "mac:xx", "pci:1", &"x".repeat(128)] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
