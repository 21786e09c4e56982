//! Checks that run before anything is changed.

use std::fmt::Display;

use nicon_core::link::{AltName, NewName};
use nicon_core::{Error, Result};
use nicon_rtnl::netlink::Far;
use nicon_rtnl::packet_route::RouteNetlinkMessage;
use nicon_rtnl::packet_route::link::LinkAttribute;
use nicon_rtnl::{Carry, Link, NetlinkError, NetnsHandle, route};
use nix::errno::Errno;

use crate::link::diff;
use crate::link::tag::is_tag;
use crate::link::taken::name_taken;
use crate::moving::job::Job;

/// What checking the target showed.
pub(crate) struct Checked {
    /// The ifindex of the requested master.
    pub(crate) master: Option<u32>,
    /// False if a pattern was requested and the link's own name is taken there.
    pub(crate) own_name_is_free: bool,
}

/// Checks the link and its target. The kernel moves a link first and applies the other attributes afterwards, so a request
/// that it would reject must not be sent at all.
///
/// # Errors
/// If the kernel would reject the change.
pub(crate) fn check(job: &Job<'_>, link: &Link) -> Result<Checked> {
    let (spec, to) = (job.spec, job.to);
    if link.immutable == Some(true) {
        return Err(bound(link, &job.from.netns));
    }
    let new_name = spec.name.as_ref().map_or(link.name.as_str(), NewName::as_str);
    if link.altnames.iter().any(|altname| altname == new_name) {
        return Err(Error::no(format!(
            "{new_name} is an alternative name of {} already (ip link property del dev {} altname {new_name})",
            link.name, link.name
        )));
    }
    let (literal, own_name_is_free) = match &spec.name {
        Some(NewName::Pattern(_)) => (None, to.netlink.link(&link.name)?.is_none()),
        Some(NewName::Name(name)) => (Some(name.as_str()), true),
        None => (Some(link.name.as_str()), true),
    };
    let brought = link.altnames.iter().map(String::as_str).filter(|altname| !is_tag(altname));
    for name in brought.chain(spec.altnames.iter().map(AltName::as_str)).chain(literal) {
        if to.netlink.link(name)?.is_some() {
            return Err(name_taken(name, to));
        }
    }
    limits(job, link, &job.from.netns)?;
    Ok(Checked { master: master(job)?, own_name_is_free })
}

/// The error that a link cannot leave its namespace, with the way out that a wireless one has.
fn bound(link: &Link, from: &NetnsHandle) -> Error {
    let bound = format!("{} cannot be moved: the kernel ties it to its network namespace", link.name);
    Error::failed(match from.phy(link) {
        Some(phy) => format!("{bound}, but moves all links of a wireless device at once (iw phy {phy} set netns PID)"),
        None => bound,
    })
}

/// Checks a link that an earlier run moved, and returns the ifindex of the requested master.
///
/// # Errors
/// If the kernel would reject the change.
pub(crate) fn check_again(job: &Job<'_>, link: &Link) -> Result<Option<u32>> {
    for name in diff::altnames(job.spec, link) {
        if job.to.netlink.link(name)?.is_some() {
            return Err(name_taken(name, job.to));
        }
    }
    limits(job, link, job.to)?;
    check_routes(job, &Carry::default(), Some(link.ifindex))?;
    master(job)
}

/// Checks that no route of another link has the place of one that the link is to get, or brings along. Replacing it would cut off
/// the hosts behind the other link. A link that is there already has the ifindex `own`.
///
/// # Errors
/// [`nicon_core::Status::No`] if one has.
pub(crate) fn check_routes(job: &Job<'_>, along: &Carry, own: Option<u32>) -> Result<()> {
    let asked = job.spec.routes.iter().map(|asked| route::request(asked, own.unwrap_or(0)));
    let requests: Vec<_> = asked
        .chain(along.requests().map(|(request, _)| request))
        .filter_map(|request| match request {
            RouteNetlinkMessage::NewRoute(route) => Some(route),
            _ => None,
        })
        .collect();
    match job.to.netlink.taken_route(&requests, own)? {
        Some(dst) => Err(route_taken(&dst, job.to)),
        None => Ok(()),
    }
}

/// The ifindex of the requested master.
pub(crate) fn master(job: &Job<'_>) -> Result<Option<u32>> {
    job.spec.master.as_ref().map(|name| job.to.master(name)).transpose()
}

/// Checks the requested MTU and hardware address against what the link's driver allows.
fn limits(job: &Job<'_>, link: &Link, netns: &NetnsHandle) -> Result<()> {
    let (mtu, mac, name) = (job.spec.mtu, job.spec.mac, &link.name);
    if mtu.is_none() && mac.is_none() {
        return Ok(());
    }
    let (mut least, mut most) = (0, 0);
    for attribute in netns.netlink.message(link.ifindex)?.attributes {
        match attribute {
            LinkAttribute::MinMtu(mtu) => least = mtu,
            LinkAttribute::MaxMtu(mtu) => most = mtu,
            LinkAttribute::Address(bytes) if mac.is_some() && bytes.len() != 6 => {
                return Err(Error::failed(format!("{name} is not an Ethernet link: it cannot have such an address")));
            }
            _ => {}
        }
    }
    // A maximum MTU of zero means no limit.
    match mtu.filter(|mtu| *mtu < least || (most > 0 && *mtu > most)) {
        Some(mtu) if most > 0 => {
            Err(Error::failed(format!("MTU {mtu} is out of range for {name} ({least} to {most})")))
        }
        Some(mtu) => Err(Error::failed(format!("MTU {mtu} is out of range for {name} ({least} or more)"))),
        None => below(link, mtu, netns),
    }
}

/// Checks the requested MTU against that of the link below.
fn below(link: &Link, mtu: Option<u32>, netns: &NetnsHandle) -> Result<()> {
    let (Some(mtu), Some(ifindex)) = (mtu.filter(|_| link.is_bound_by_mtu_below()), link.lower) else { return Ok(()) };
    let lower = match link.lower_nsid {
        None => netns.netlink.link_at(ifindex)?,
        Some(nsid) => match netns.netlink.link_in(nsid, ifindex)? {
            Far::There(lower) => Some(*lower),
            Far::Gone | Far::Denied => None,
        },
    };
    match lower.and_then(|lower| lower.mtu.filter(|most| mtu > *most).map(|most| (lower.name, most))) {
        Some((below, most)) => Err(Error::failed(format!(
            "MTU {mtu} is out of range for {}: that of {below} below it is {most}",
            link.name
        ))),
        None => Ok(()),
    }
}

/// Turns the kernel's error for a request with new names into ours: it says which name is taken in the target, if one is. The
/// link itself may be there by now; `is_it` recognises it.
pub(crate) fn refused(
    job: &Job<'_>,
    link: &Link,
    is_it: impl Fn(&Link) -> bool,
    (error, context): (NetlinkError, &str),
) -> Error {
    if error.errno == Errno::EEXIST {
        let new_name = job.spec.name.as_ref().map_or(link.name.as_str(), NewName::as_str);
        for name in std::iter::once(new_name).chain(link.altnames.iter().map(String::as_str)) {
            if let Ok(Some(other)) = job.to.netlink.link(name)
                && !is_it(&other)
            {
                return name_taken(name, job.to);
            }
        }
    }
    let master = job.spec.master.as_ref().filter(|_| error.errno == Errno::EOPNOTSUPP);
    if let Some(master) = master {
        return Error::failed(format!("{master} in {} takes no ports", job.to.label)).prefix(context);
    }
    // If the kernel reports which links are immovable, this one was reported as movable.
    let may_be_bound = error.errno == Errno::EINVAL && link.immutable.is_none();
    if may_be_bound && job.from.netns.phy(link).is_some() {
        return bound(link, &job.from.netns);
    }
    let mtu = job.spec.mtu.filter(|_| matches!(error.errno, Errno::EINVAL | Errno::ERANGE));
    let error = error.context(context);
    match mtu {
        Some(mtu) => error.suffix(&format!("; the link may be unable to have an MTU of {mtu}")),
        None if may_be_bound => {
            error.suffix(&format!("; one that ethtool -k {} calls netns-local cannot be moved", link.name))
        }
        None => error,
    }
}

pub(crate) fn route_taken(dst: impl Display, to: &NetnsHandle) -> Error {
    Error::no(format!("{} has a route to {dst} through another link already", to.label))
}
