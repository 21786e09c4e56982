//! The alternative names of a link that goes to another network namespace.
//!
//! From Linux 6.6 on they go along (8e15aee62161, "net: move altnames together with the netdevice"). Before, unless that was taken over,
//! they stay known in the namespace that the link has left, where it is not any more: until it is back, it is neither found by them
//! nor can they be removed.

use nicon_core::Result;
use nicon_rtnl::{Link, NetnsHandle};
use nix::errno::Errno;

/// Takes the names from a link for which `is_meant` holds.
///
/// # Errors
/// The kernel's error. A name that stayed elsewhere is none.
pub(crate) fn take(netns: &NetnsHandle, link: &Link, is_meant: impl Fn(&str) -> Result<bool>) -> Result<Vec<String>> {
    let mut taken = Vec::new();
    for altname in &link.altnames {
        if !is_meant(altname)? {
            continue;
        }
        match netns.netlink.remove_altname(link.ifindex, altname) {
            Ok(()) => taken.push(altname.clone()),
            Err(error) if error.errno == Errno::ENOENT => {}
            Err(error) => return Err(error.context(&format!("remove alternative name {altname}"))),
        }
    }
    Ok(taken)
}

/// Gives names to a link.
///
/// # Errors
/// The kernel's error.
pub(crate) fn give<'a>(
    netns: &NetnsHandle,
    ifindex: u32,
    altnames: impl IntoIterator<Item = &'a String>,
) -> Result<()> {
    for altname in altnames {
        let added = netns.netlink.add_altname(ifindex, altname);
        added.map_err(|error| error.context(&format!("add alternative name {altname}")))?;
    }
    Ok(())
}
