//! Checks that run before anything is changed.

use nicon_core::link::{AltName, NewName};
use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetlinkError, NetnsHandle};
use nix::errno::Errno;

use crate::configuring;
use crate::configuring::check::limits;
use crate::configuring::tuning::Tuning;
use crate::link::owner::check_owner;
use crate::link::port_options;
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
/// If the link is another plan's, or the kernel would reject the change.
pub(crate) fn check(job: &Job<'_>, link: &Link) -> Result<Checked> {
    let (spec, to) = (job.spec, job.to);
    check_owner(link, job.plan, &job.from.netns)?;
    if job.from.netns.is_bound(link)? {
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
    limits(spec, link, &job.from.netns)?;
    let master = master(job)?;
    port_options::check(spec, new_name, master, to)?;
    Tuning::check_surviving(spec, link, &job.from.netns)?;
    Ok(Checked { master, own_name_is_free })
}

/// The error that a link cannot leave its namespace, with the way out that a wireless one has.
fn bound(link: &Link, from: &NetnsHandle) -> Error {
    let bound = format!("{} cannot be moved: the kernel ties it to its network namespace", link.name);
    Error::failed(match from.phy(link) {
        Some(phy) => format!("{bound}, but moves all links of a wireless device at once (iw phy {phy} set netns PID)"),
        None => bound,
    })
}

/// The ifindex of the requested master.
pub(crate) fn master(job: &Job<'_>) -> Result<Option<u32>> {
    job.spec.master.as_ref().map(|name| job.to.master(name)).transpose()
}

/// Turns the kernel's error for a move into ours.
pub(crate) fn refused(
    error: NetlinkError,
    context: &str,
    job: &Job<'_>,
    link: &Link,
    is_it: impl Fn(&Link) -> bool,
) -> Error {
    // If the kernel reports which links are immovable, this one was reported as movable.
    let may_be_bound = error.errno == Errno::EINVAL && link.immutable.is_none();
    if may_be_bound && job.from.netns.phy(link).is_some() {
        return bound(link, &job.from.netns);
    }
    let error = configuring::check::refused(error, context, job.spec, link, job.to, is_it);
    if may_be_bound && job.spec.mtu.is_none() {
        return error.suffix(&format!("; one that ethtool -k {} calls netns-local cannot be moved", link.name));
    }
    error
}
