//! Finding the link that is meant.

use std::path::Path;

use nicon_core::link::Selector;
use nicon_core::{Error, Result};
use nicon_linkmv::{Link, Place};

/// The link of a namespace that is meant.
///
/// # Errors
/// Where it may be any of several.
pub(crate) async fn find(selector: &Selector, place: &Place, home: &Place) -> Result<Option<Link>> {
    if let Selector::Name(name) = selector {
        let named = place.netlink.link(name).await?;
        return match name.parse::<i32>() {
            Ok(ifindex) if named.is_none() && ifindex > 0 => place.netlink.link_at(ifindex.cast_unsigned()).await,
            _ => Ok(named),
        };
    }
    let mut found = place.links(home, None, false)?.entries;
    found.retain(|link| fits(selector, link));
    if found.len() > 1 {
        let names = found.into_iter().map(|link| link.name).collect::<Vec<_>>().join(", ");
        return Err(Error::failed(format!("{selector} may be any of {names} in {}: say which", place.label)));
    }
    Ok(found.pop())
}

/// Whether a link is meant, by what the kernel tells of it. A name is looked up instead.
pub(crate) fn fits(selector: &Selector, link: &Link) -> bool {
    match selector {
        Selector::Name(_) => false,
        Selector::Mac(wanted) => link.mac.as_ref() == Some(wanted),
        Selector::Pci(wanted) => link.device.as_ref().is_some_and(|(bus, device)| is_pci(wanted, bus, device)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_by_its_pci_device() {
        let mut link = Link::default();
        let selector: Selector = "pci:0000:01:00.0".parse().unwrap();
        assert!(!fits(&selector, &link));
        link.device = Some(("pci".into(), "0000:01:00.0".into()));
        assert!(fits(&selector, &link));
        assert!(!fits(&"pci:0000:01:00.1".parse().unwrap(), &link));
    }
}
