//! Giving a link, in its new place, what it is to have there.

use nicon_core::link::{Keep, LinkSpec};
use nicon_core::{Error, Result};
use nicon_rtnl::{Carry, Link, address, route};
use nix::errno::Errno;

use crate::linkmv::check::{name_taken, refused};
use crate::linkmv::lacking;
use crate::linkmv::mark::Origin;
use crate::linkmv::mover::Job;
use crate::linkmv::resting;
use crate::linkmv::sysctl::Sysctls;
use crate::linkmv::wish;

/// What comes along from the old place.
#[derive(Default)]
pub(crate) struct Luggage {
    /// Addresses and routes.
    pub(crate) carry: Carry,
    pub(crate) settings: Sysctls,
}

impl Luggage {
    /// Of what a link has, as much as the wish keeps, made out to the ifindex that the link has.
    pub(crate) fn pack(wish: &LinkSpec, carry: &Carry, settings: Sysctls, ifindex: u32) -> Self {
        let carry = carry.along(wish.keeps(Keep::Addr), wish.keeps(Keep::Route), ifindex);
        Self { carry, settings: if wish.keeps(Keep::Sysctl) { settings } else { Sysctls::default() } }
    }

    /// The same for the ifindex that the link has got.
    pub(crate) fn readdressed(self, ifindex: u32) -> Self {
        Self { carry: self.carry.along(true, true, ifindex), ..self }
    }
}

/// Gives the link, which came from `origin`, what it lacks, and returns whether that was anything.
///
/// # Errors
/// The first thing that the kernel refuses; what was done before it stays, for the caller to take back.
pub(crate) fn dress(
    job: &Job<'_>,
    link: &Link,
    (origin, master): (&Origin, Option<u32>),
    luggage: &Luggage,
) -> Result<bool> {
    let Job { wish, to, .. } = job;
    let failed = |what: &str| format!("{what} {} in {}", link.name, to.label);
    // IPv6 makes addresses as soon as the link is up, and by its settings.
    luggage.settings.write(to, &link.name)?;
    let request = wish::request(wish, link, master, origin);
    let mut changed = !request.attributes.is_empty() || !request.header.flags.is_empty();
    if changed {
        let is_it = |other: &Link| other.ifindex == link.ifindex;
        let set = resting::change(to, link, request);
        set.map_err(|error| refused(job, link, is_it, (error, &failed("set up"))))?;
    }
    for altname in lacking::altnames(wish, link) {
        let added = to.netlink.add_altname(link.ifindex, altname);
        added.map_err(|error| match error.errno {
            Errno::EEXIST => name_taken(altname, to),
            _ => error.context(&failed(&format!("add alternative name {altname} to"))),
        })?;
        changed = true;
    }
    changed |= trace(job, link, origin)?;
    luggage.carry.put_back(&to.netlink)?;
    for cidr in lacking::addresses(wish, link, to)? {
        let put = to.netlink.put(address::request(cidr, link.ifindex));
        put.map_err(|error| error.context(&failed(&format!("add address {cidr} to"))))?;
        changed = true;
    }
    for asked in lacking::routes(wish, link, to)? {
        let added = to.netlink.add(route::request(asked, link.ifindex));
        added.map_err(|error| match error.errno {
            // To replace it would cut off what the other link leads to.
            Errno::EEXIST => {
                Error::no(format!("{} has a route to {} through another link already", to.label, asked.dst))
            }
            _ => error.context(&failed(&format!("add route {asked} through"))),
        })?;
        changed = true;
    }
    Ok(changed)
}

/// Records the link's origin in an alternative name, if its alias does not; and removes the records of earlier moves.
fn trace(job: &Job<'_>, link: &Link, origin: &Origin) -> Result<bool> {
    let netlink = &job.to.netlink;
    let mut changed = false;
    for stale in lacking::stale_traces(job.wish, link, origin) {
        let removed = netlink.remove_altname(link.ifindex, stale);
        removed.map_err(|error| error.context(&format!("remove alternative name {stale}")))?;
        changed = true;
    }
    if let Some(trace) = lacking::trace(job.wish, link, origin) {
        match netlink.add_altname(link.ifindex, &trace) {
            // Another link from the same place had that name before: a second run will not know which of them is meant.
            Err(error) if error.errno == Errno::EEXIST => {}
            added => {
                added.map_err(|error| error.context(&format!("add alternative name {trace}")))?;
                changed = true;
            }
        }
    }
    Ok(changed)
}
