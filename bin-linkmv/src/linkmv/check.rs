//! Checks that are made before anything is changed.

use nicon_core::link::{AltName, NewName};
use nicon_core::{Error, Result};
use nicon_rtnl::packet_route::link::LinkAttribute;
use nicon_rtnl::{Link, NetlinkError, NetnsHandle};
use nix::errno::Errno;

use crate::linkmv::lacking;
use crate::linkmv::mark::is_mark;
use crate::linkmv::mover::Job;

/// What the look at the target told.
pub(crate) struct Checked {
    /// The ifindex of the master that was asked for.
    pub(crate) master: Option<u32>,
    /// False where a pattern was asked for, and the link's own name is taken there.
    pub(crate) own_name_is_free: bool,
}

/// Looks at the link and at its new place. The kernel moves a link first and applies all else then: what it would refuse
/// must not be sent.
///
/// # Errors
/// What the kernel would refuse.
pub(crate) fn check(job: &Job<'_>, link: &Link) -> Result<Checked> {
    let (wish, to) = (job.wish, job.to);
    if link.immutable == Some(true) {
        return Err(Error::failed(format!(
            "{} cannot be moved: the kernel ties it to its network namespace",
            link.name
        )));
    }
    let new_name = wish.name.as_ref().map_or(link.name.as_str(), NewName::as_str);
    if link.altnames.iter().any(|altname| altname == new_name) {
        return Err(Error::no(format!(
            "{new_name} is an alternative name of {} already (ip link property del dev {} altname {new_name})",
            link.name, link.name
        )));
    }
    let (literal, own_name_is_free) = match &wish.name {
        Some(NewName::Pattern(_)) => (None, to.netlink.link(&link.name)?.is_none()),
        Some(NewName::Name(name)) => (Some(name.as_str()), true),
        None => (Some(link.name.as_str()), true),
    };
    let brought = link.altnames.iter().map(String::as_str).filter(|altname| !is_mark(altname));
    for name in brought.chain(wish.altnames.iter().map(AltName::as_str)).chain(literal) {
        if to.netlink.link(name)?.is_some() {
            return Err(name_taken(name, to));
        }
    }
    limits(job, link, &job.from.place)?;
    Ok(Checked { master: master(job)?, own_name_is_free })
}

/// Checks a link that an earlier run moved, and returns the ifindex of the master that was asked for.
///
/// # Errors
/// What the kernel would refuse.
pub(crate) fn check_again(job: &Job<'_>, link: &Link) -> Result<Option<u32>> {
    for name in lacking::altnames(job.wish, link) {
        if job.to.netlink.link(name)?.is_some() {
            return Err(name_taken(name, job.to));
        }
    }
    limits(job, link, job.to)?;
    master(job)
}

/// The ifindex of the master that was asked for.
pub(crate) fn master(job: &Job<'_>) -> Result<Option<u32>> {
    job.wish.master.as_ref().map(|name| job.to.master(name)).transpose()
}

/// Checks the MTU and the hardware address that were asked for against what the link's driver allows.
fn limits(job: &Job<'_>, link: &Link, place: &NetnsHandle) -> Result<()> {
    let (mtu, mac, name) = (job.wish.mtu, job.wish.mac, &link.name);
    if mtu.is_none() && mac.is_none() {
        return Ok(());
    }
    let (mut least, mut most) = (0, 0);
    for attribute in place.netlink.message(link.ifindex)?.attributes {
        match attribute {
            LinkAttribute::MinMtu(mtu) => least = mtu,
            LinkAttribute::MaxMtu(mtu) => most = mtu,
            LinkAttribute::Address(bytes) if mac.is_some() && bytes.len() != 6 => {
                return Err(Error::failed(format!("{name} is not an Ethernet link: it cannot have such an address")));
            }
            _ => {}
        }
    }
    // A greatest MTU of zero means that there is no limit.
    match mtu.filter(|mtu| *mtu < least || (most > 0 && *mtu > most)) {
        Some(mtu) if most > 0 => {
            Err(Error::failed(format!("MTU {mtu} is out of range for {name} ({least} to {most})")))
        }
        Some(mtu) => Err(Error::failed(format!("MTU {mtu} is out of range for {name} ({least} or more)"))),
        None => Ok(()),
    }
}

/// The kernel's no to a link's new names as an error: of what else has one of them in the new place, or as the kernel says
/// it. `is_it` knows the link, which may be there by now.
pub(crate) fn refused(
    job: &Job<'_>,
    link: &Link,
    is_it: impl Fn(&Link) -> bool,
    (error, context): (NetlinkError, &str),
) -> Error {
    if error.errno == Errno::EEXIST {
        let new_name = job.wish.name.as_ref().map_or(link.name.as_str(), NewName::as_str);
        for name in std::iter::once(new_name).chain(link.altnames.iter().map(String::as_str)) {
            if let Ok(Some(other)) = job.to.netlink.link(name)
                && !is_it(&other)
            {
                return name_taken(name, job.to);
            }
        }
    }
    // A kernel that tells beforehand which links cannot be moved has told that this one can.
    let may_be_bound = error.errno == Errno::EINVAL && link.immutable.is_none();
    let error = error.context(context);
    if may_be_bound {
        return error.suffix(&format!("; one that ethtool -k {} calls netns-local cannot be moved", link.name));
    }
    error
}

pub(crate) fn name_taken(name: &str, to: &NetnsHandle) -> Error {
    Error::no(format!("{name} already exists in {}", to.label))
}
