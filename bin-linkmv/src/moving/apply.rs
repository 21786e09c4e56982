//! Configures a link in its new namespace.

use nicon_core::Result;
use nicon_core::link::{Keep, LinkSpec};
use nicon_rtnl::{Carry, Link, address, route};
use nix::errno::Errno;

use crate::link::diff;
use crate::link::set_while_down;
use crate::link::spec;
use crate::link::sysctl::Sysctls;
use crate::link::tag::Origin;
use crate::link::taken::name_taken;
use crate::moving::check::{refused, route_taken};
use crate::moving::job::Job;

/// What a move carries over from the old namespace.
#[derive(Default)]
pub(crate) struct Carried {
    /// Addresses and routes.
    pub(crate) carry: Carry,
    pub(crate) settings: Sysctls,
}

impl Carried {
    /// The part of what a link has that the spec asks to keep, addressed to this ifindex.
    pub(crate) fn pack(spec: &LinkSpec, carry: &Carry, settings: Sysctls, ifindex: u32) -> Self {
        let carry = carry.along(spec.keeps(Keep::Addr), spec.keeps(Keep::Route), ifindex);
        Self { carry, settings: if spec.keeps(Keep::Sysctl) { settings } else { Sysctls::default() } }
    }

    /// The same, addressed to the ifindex that the link has in its new namespace.
    pub(crate) fn for_ifindex(self, ifindex: u32) -> Self {
        Self { carry: self.carry.along(true, true, ifindex), ..self }
    }
}

/// Gives the link, which came from `origin`, whatever it is missing, and returns whether anything was.
///
/// # Errors
/// The first change that the kernel rejects. Earlier changes stay; the caller undoes them.
pub(crate) fn apply(
    job: &Job<'_>,
    link: &Link,
    (origin, master): (&Origin, Option<u32>),
    carried: &Carried,
) -> Result<bool> {
    let Job { spec, to, .. } = job;
    let failed = |what: &str| format!("{what} {} in {}", link.name, to.label);
    // IPv6 assigns addresses as soon as the link is up, according to these settings.
    carried.settings.write(to, &link.name)?;
    let request = spec::request(spec, link, master, origin);
    let mut changed = !request.attributes.is_empty() || !request.header.flags.is_empty();
    if changed {
        let is_it = |other: &Link| other.ifindex == link.ifindex;
        let set = set_while_down::change(to, link, request);
        set.map_err(|error| refused(job, link, is_it, (error, &failed("set up"))))?;
    }
    for altname in diff::altnames(spec, link) {
        let added = to.netlink.add_altname(link.ifindex, altname);
        added.map_err(|error| match error.errno {
            Errno::EEXIST => name_taken(altname, to),
            _ => error.context(&failed(&format!("add alternative name {altname} to"))),
        })?;
        changed = true;
    }
    changed |= record_origin(job, link, origin)?;
    carried.carry.put_back(&to.netlink)?;
    for cidr in diff::addresses(&spec.addresses, link, to)? {
        let put = to.netlink.put(address::request(cidr, link.ifindex));
        put.map_err(|error| error.context(&failed(&format!("add address {cidr} to"))))?;
        changed = true;
    }
    for asked in diff::routes(spec, link, to)? {
        let added = to.netlink.add(route::request(asked, link.ifindex));
        added.map_err(|error| match error.errno {
            Errno::EEXIST => route_taken(asked.dst, to),
            _ => error.context(&failed(&format!("add route {asked} through"))),
        })?;
        changed = true;
    }
    Ok(changed)
}

/// Records the link's origin in an alternative name, if its alias does not; and removes the records of earlier moves.
fn record_origin(job: &Job<'_>, link: &Link, origin: &Origin) -> Result<bool> {
    let netlink = &job.to.netlink;
    let mut changed = false;
    for stale in diff::stale_origin_altnames(job.spec, link, origin) {
        let removed = netlink.remove_altname(link.ifindex, stale);
        removed.map_err(|error| error.context(&format!("remove alternative name {stale}")))?;
        changed = true;
    }
    if let Some(altname) = diff::origin_altname(job.spec, link, origin) {
        match netlink.add_altname(link.ifindex, &altname) {
            // Another link from the same namespace already has that name. A second run cannot tell the two apart.
            Err(error) if error.errno == Errno::EEXIST => {}
            added => {
                added.map_err(|error| error.context(&format!("add alternative name {altname}")))?;
                changed = true;
            }
        }
    }
    Ok(changed)
}
