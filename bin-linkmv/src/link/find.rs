//! Finds the requested link.

use std::path::Path;

use nicon_core::link::Selector;
use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetnsHandle};

/// The link of a namespace that `selector` selects.
///
/// # Errors
/// If it may be any of several.
pub(crate) fn find(selector: &Selector, netns: &NetnsHandle) -> Result<Option<Link>> {
    if let Selector::Name(name) = selector {
        let named = netns.netlink.link(name)?;
        return match name.parse::<i32>() {
            Ok(ifindex) if named.is_none() && ifindex > 0 => netns.netlink.link_at(ifindex.cast_unsigned()),
            _ => Ok(named),
        };
    }
    let mut found = netns.netlink.links(None)?.entries;
    found.retain(|link| fits(selector, link));
    if found.len() > 1 {
        let names = found.into_iter().map(|link| link.name).collect::<Vec<_>>().join(", ");
        return Err(Error::failed(format!("{selector} may be any of {names} in {}: say which", netns.label)));
    }
    Ok(found.pop().map(|link| *link))
}

/// How a link that is being moved is found again.
pub(crate) struct Tagged {
    /// The [tag](crate::link::tag) of its move.
    pub(crate) tag: String,
    /// What identifies it, if known; see [`nicon_rtnl::sysfs`].
    pub(crate) inode: Option<u64>,
}

impl Tagged {
    /// The link, if it is in a namespace. If its inode number is known, that decides: root in the namespace may have put the tag on
    /// another link.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn find(&self, netns: &NetnsHandle) -> Result<Option<Link>> {
        let carrier = netns.netlink.link(&self.tag)?;
        match self.inode {
            Some(inode) => by_inode(inode, carrier, netns),
            None => Ok(carrier),
        }
    }
}

/// The link that has an inode number in sysfs, which identifies it. The `likely` one is tried first.
///
/// # Errors
/// If the kernel does not answer.
pub(crate) fn by_inode(inode: u64, likely: Option<Link>, netns: &NetnsHandle) -> Result<Option<Link>> {
    if let Some(link) = likely
        && netns.inode(&link)? == Some(inode)
    {
        return Ok(Some(link));
    }
    for link in netns.netlink.links(None)?.entries {
        if netns.inode(&link)? == Some(inode) {
            return Ok(Some(*link));
        }
    }
    Ok(None)
}

/// Whether `selector` selects a link by one of its attributes. A name is looked up instead.
pub(crate) fn fits(selector: &Selector, link: &Link) -> bool {
    match selector {
        Selector::Name(_) => false,
        Selector::Mac(wanted) => link.mac.as_ref() == Some(wanted),
        Selector::Pci(wanted) => link.device.as_ref().is_some_and(|(bus, device)| is_pci(wanted, bus, device)),
    }
}

/// Whether a device is the PCI device `wanted` or, like a virtio device, sits on top of it.
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
