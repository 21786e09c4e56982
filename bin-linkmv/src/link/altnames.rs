//! The alternative names of a link, and what becomes of them when it goes to another network namespace.
//!
//! From Linux 6.6 on they go along (8e15aee62161, "net: move altnames together with the netdevice"). Earlier kernels without that change
//! leave them behind in the old namespace: until the link is back there, it is not found by them, and they cannot be removed.

use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetnsHandle};
use nix::errno::Errno;

/// What became of a name that a link was to get.
pub(crate) enum Added {
    /// The link has it now.
    Given,
    /// A link of the namespace has it already, maybe this one.
    Taken(Error),
}

/// What became of a name that a link was to lose.
pub(crate) enum Removed {
    /// The link has it no more.
    Gone,
    /// No link of the namespace has it: it stayed in the one that the link has left, or was removed before.
    Unknown(Error),
}

impl Added {
    /// The same for one who needs the link to have got it now.
    ///
    /// # Errors
    /// That the name is taken.
    pub(crate) fn or_fail(self) -> Result<()> {
        match self {
            Self::Given => Ok(()),
            Self::Taken(error) => Err(error),
        }
    }
}

impl Removed {
    /// The same for one who knows that the link had it.
    ///
    /// # Errors
    /// That no link has it.
    pub(crate) fn or_fail(self) -> Result<()> {
        match self {
            Self::Gone => Ok(()),
            Self::Unknown(error) => Err(error),
        }
    }
}

/// Gives a name to a link.
///
/// # Errors
/// The kernel's error.
pub(crate) fn add(netns: &NetnsHandle, link: &Link, altname: &str) -> Result<Added> {
    let Err(error) = netns.netlink.add_altname(link.ifindex, altname) else { return Ok(Added::Given) };
    let is_taken = error.errno == Errno::EEXIST;
    let error = error.context(&format!("add alternative name {altname} to {} in {}", link.name, netns.label));
    if is_taken { Ok(Added::Taken(error)) } else { Err(error) }
}

/// Takes a name from a link.
///
/// # Errors
/// The kernel's error.
pub(crate) fn remove(netns: &NetnsHandle, link: &Link, altname: &str) -> Result<Removed> {
    let Err(error) = netns.netlink.remove_altname(link.ifindex, altname) else { return Ok(Removed::Gone) };
    let is_unknown = error.errno == Errno::ENOENT;
    let error = error.context(&format!("remove alternative name {altname} of {} in {}", link.name, netns.label));
    if is_unknown { Ok(Removed::Unknown(error)) } else { Err(error) }
}

/// Takes from a link those of its names for which `is_meant` holds, and returns those that it had.
///
/// # Errors
/// The kernel's error. A name that stayed in the old namespace is not an error.
pub(crate) fn take(netns: &NetnsHandle, link: &Link, is_meant: impl Fn(&str) -> Result<bool>) -> Result<Vec<String>> {
    let mut taken = Vec::new();
    for altname in &link.altnames {
        if is_meant(altname)?
            && let Removed::Gone = remove(netns, link, altname)?
        {
            taken.push(altname.clone());
        }
    }
    Ok(taken)
}

/// Gives names to a link.
///
/// # Errors
/// The kernel's error, also if a name is taken.
pub(crate) fn give<'a>(netns: &NetnsHandle, link: &Link, altnames: impl IntoIterator<Item = &'a String>) -> Result<()> {
    altnames.into_iter().try_for_each(|altname| add(netns, link, altname)?.or_fail())
}
