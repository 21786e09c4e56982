//! Which link is meant.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use nicon_core::{Error, Result};
use nicon_linkmv::{Link, Place, mac};

/// The longest alternative name, in bytes: `ALTIFNAMSIZ` of linux/if.h, less the closing zero.
const MAX: usize = 127;

/// A link by one of the things that it is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// A name, an alternative name or, where it is a number and no link's name, an ifindex.
    Name(String),
    /// The hardware address, as `ip link` prints it: `mac:02:00:5e:00:53:01`.
    Mac(String),
    /// The address of the PCI device: `pci:0000:01:00.0`.
    Pci(String),
}

impl Selector {
    /// The link of a namespace that is meant.
    ///
    /// # Errors
    /// Where it may be any of several.
    pub(crate) async fn find(&self, place: &Place, home: &Place) -> Result<Option<Link>> {
        if let Self::Name(name) = self {
            let named = place.netlink.link(name).await?;
            return match name.parse::<i32>() {
                Ok(ifindex) if named.is_none() && ifindex > 0 => place.netlink.link_at(ifindex.cast_unsigned()).await,
                _ => Ok(named),
            };
        }
        let mut found = place.links(home, None, false)?.entries;
        found.retain(|link| self.fits(link));
        if found.len() > 1 {
            let names = found.into_iter().map(|link| link.name).collect::<Vec<_>>().join(", ");
            return Err(Error::failed(format!("{self} may be any of {names} in {}: say which", place.label)));
        }
        Ok(found.pop())
    }

    /// Whether a link is meant, by what the kernel tells of it. A name is looked up instead.
    pub(crate) fn fits(&self, link: &Link) -> bool {
        match self {
            Self::Name(_) => false,
            Self::Mac(wanted) => link.mac.as_ref() == Some(wanted),
            Self::Pci(wanted) => link.device.as_ref().is_some_and(|(bus, device)| is_pci(wanted, bus, device)),
        }
    }
}

/// Whether a device is the PCI device `wanted`, or lies on it as a virtio device does.
fn is_pci(wanted: &str, bus: &str, device: &str) -> bool {
    if bus == "pci" {
        return device == wanted;
    }
    let real = Path::new("/sys/bus").join(bus).join("devices").join(device).canonicalize();
    bus == "virtio" && real.is_ok_and(|path| path.parent().is_some_and(|parent| parent.ends_with(wanted)))
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::failed(format!("\"{text}\" is not a link name: {why}")));
        if let Some(address) = text.strip_prefix("mac:") {
            return match mac::bytes(address) {
                Some(bytes) => Ok(Self::Mac(mac::hex(&bytes))),
                None => refuse("behind mac: belongs an address like 02:00:5e:00:53:01"),
            };
        }
        if let Some(address) = text.strip_prefix("pci:") {
            let address = address.to_lowercase();
            return match address.matches(':').count() {
                2 => Ok(Self::Pci(address)),
                // lspci leaves the domain out where there is only one.
                1 => Ok(Self::Pci(format!("0000:{address}"))),
                _ => refuse("behind pci: belongs an address like 0000:01:00.0"),
            };
        }
        match text {
            "" | "." | ".." => refuse("no link is called so"),
            _ if text.len() > MAX => refuse("it is longer than 127 bytes"),
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

    #[test]
    fn a_link_by_its_pci_device() {
        let mut link = Link::default();
        let selector: Selector = "pci:0000:01:00.0".parse().unwrap();
        assert!(!selector.fits(&link));
        link.device = Some(("pci".into(), "0000:01:00.0".into()));
        assert!(selector.fits(&link));
        assert!(!"pci:0000:01:00.1".parse::<Selector>().unwrap().fits(&link));
    }
}
