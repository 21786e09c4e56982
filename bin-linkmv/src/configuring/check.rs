//! Checks of what a link is to get, before anything is changed.

use std::fmt::Display;

use nicon_core::link::{LinkSpec, NewName};
use nicon_core::{Error, Result};
use nicon_rtnl::netlink::Far;
use nicon_rtnl::packet_route::RouteNetlinkMessage;
use nicon_rtnl::packet_route::link::LinkAttribute;
use nicon_rtnl::{Carry, Link, NetlinkError, NetnsHandle, route};
use nix::errno::Errno;

use crate::configuring::configuration::Configuration;
use crate::configuring::tuning::Tuning;
use crate::link::owner::check_owner;
use crate::link::port_options;
use crate::link::taken::name_taken;

impl Configuration<'_> {
    /// Checks what a link that is there lacks.
    ///
    /// # Errors
    /// If it is another plan's, or the kernel would reject the change.
    pub(crate) fn check(&self, link: &Link) -> Result<()> {
        let Self { spec, netns, .. } = self;
        check_owner(link, self.plan, netns)?;
        for name in self.altnames(link) {
            // Another run of the same command may have given it the name meanwhile.
            if netns.netlink.link(&name)?.is_some_and(|named| named.ifindex != link.ifindex) {
                return Err(name_taken(&name, netns));
            }
        }
        limits(spec, link, netns)?;
        port_options::check(spec, &link.name, self.master.or(link.master), netns)?;
        Tuning::lacking(self, link)?;
        check_routes(spec, netns, &Carry::default(), Some(link.ifindex))
    }
}

/// Checks that no route of another link has the place of one that the link is to get, or brings along. Replacing it would cut off
/// the hosts behind the other link. A link that is there already has the ifindex `own`.
///
/// # Errors
/// [`nicon_core::Status::No`] if one has.
pub(crate) fn check_routes(spec: &LinkSpec, netns: &NetnsHandle, along: &Carry, own: Option<u32>) -> Result<()> {
    let asked = spec.routes.iter().map(|asked| route::request(asked, own.unwrap_or(0)));
    let requests: Vec<_> = asked
        .chain(along.requests().map(|(request, _)| request))
        .filter_map(|request| match request {
            RouteNetlinkMessage::NewRoute(route) => Some(route),
            _ => None,
        })
        .collect();
    match netns.netlink.taken_route(&requests, own)? {
        Some(dst) => Err(route_taken(&dst, netns)),
        None => Ok(()),
    }
}

/// Checks the requested MTU and hardware address against what the link's driver allows.
pub(crate) fn limits(spec: &LinkSpec, link: &Link, netns: &NetnsHandle) -> Result<()> {
    let (mtu, mac, name) = (spec.mtu, spec.mac, &link.name);
    if mtu.is_none() && mac.is_none() {
        return Ok(());
    }
    let (mut least, mut most) = (0, 0);
    for attribute in netns.netlink.link_message(link.ifindex)?.attributes {
        match attribute {
            LinkAttribute::MinMtu(mtu) => least = mtu,
            LinkAttribute::MaxMtu(mtu) => most = mtu,
            LinkAttribute::Address(bytes) if mac.is_some() && bytes.len() != 6 => {
                return Err(Error::failed(format!("{name} is not an Ethernet link: it cannot have such an address")));
            }
            _ => {}
        }
    }
    check_mtu(mtu, name, (least, most))?;
    below(link, mtu, netns)
}

/// Checks a requested MTU against the least and the greatest one of a link. A greatest one of zero means no limit.
///
/// # Errors
/// If it is out of range.
pub(crate) fn check_mtu(mtu: Option<u32>, link: &str, (least, most): (u32, u32)) -> Result<()> {
    let Some(mtu) = mtu.filter(|mtu| *mtu < least || (most > 0 && *mtu > most)) else { return Ok(()) };
    let range = if most > 0 { format!("{least} to {most}") } else { format!("{least} or more") };
    Err(Error::failed(format!("MTU {mtu} is out of range for {link} ({range})")))
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

/// Turns the kernel's error for a request with new names into ours: it says which name is taken, if one is. The
/// link itself may be there by now; `is_it` recognises it.
pub(crate) fn refused(
    error: NetlinkError,
    context: &str,
    spec: &LinkSpec,
    link: &Link,
    netns: &NetnsHandle,
    is_it: impl Fn(&Link) -> bool,
) -> Error {
    if error.errno == Errno::EEXIST {
        let new_name = spec.name.as_ref().map_or(link.name.as_str(), NewName::as_str);
        for name in std::iter::once(new_name).chain(link.altnames.iter().map(String::as_str)) {
            if let Ok(Some(other)) = netns.netlink.link(name)
                && !is_it(&other)
            {
                return name_taken(name, netns);
            }
        }
    }
    let master = spec.master.as_ref().filter(|_| error.errno == Errno::EOPNOTSUPP);
    if let Some(master) = master {
        return Error::failed(format!("{master} in {} takes no ports", netns.label)).prefix(context);
    }
    let mtu = spec.mtu.filter(|_| matches!(error.errno, Errno::EINVAL | Errno::ERANGE));
    let error = error.context(context);
    match mtu {
        Some(mtu) => error.suffix(&format!("; the link may be unable to have an MTU of {mtu}")),
        None => error,
    }
}

pub(crate) fn route_taken(dst: impl Display, to: &NetnsHandle) -> Error {
    Error::no(format!("{} has a route to {dst} through another link already", to.label))
}
