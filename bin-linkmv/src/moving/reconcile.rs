//! Configures a link that an earlier run moved: everything that is missing, or nothing.

use nicon_core::Result;
use nicon_core::link::{Cidr, RouteSpec};
use nicon_rtnl::{Carry, Link, NetlinkError, address, route};
use nix::errno::Errno;

use crate::link::attached::Attached;
use crate::link::diff;
use crate::link::sysctl::Sysctls;
use crate::link::tag::Origin;
use crate::link::undo::{Restored, Undo};
use crate::link::wait_ready::wait_ready;
use crate::moving::apply::{Carried, apply};
use crate::moving::check::check_again;
use crate::moving::job::{Job, Options, Outcome};
use crate::moving::plan;

/// The steps that are left to do for a link that came from `origin`.
///
/// # Errors
/// If the kernel would reject the change.
pub(crate) fn plan(job: &Job<'_>, options: &Options<'_>, link: &Link, origin: &Origin) -> Result<Outcome> {
    let mut steps = plan::reconciling(job, link, origin, check_again(job, link)?)?;
    steps.extend(plan::until_ready(options, &link.name));
    Ok(Outcome::Planned { link: origin.name.clone(), name: link.name.clone(), steps, lost: None })
}

/// Does what is left to do, and returns whether there was anything.
///
/// # Errors
/// The link is left unchanged.
pub(crate) fn reconcile(job: &Job<'_>, options: &Options<'_>, link: &Link, origin: &Origin) -> Result<bool> {
    let master = check_again(job, link)?;
    if plan::reconciling(job, link, origin, master)?.is_empty() {
        wait_ready(job.to, link, &options.readiness)?;
        return Ok(false);
    }
    let before = Before::of(job, link)?;
    let changed = apply(job, link, (origin, master), &Carried::default());
    match changed.and_then(|changed| wait_ready(job.to, link, &options.readiness).map(|()| changed)) {
        Err(failure) => {
            before.restore(job, link).map_err(|error| error.prefix(&failure))?;
            Err(failure)
        }
        changed => changed,
    }
}

/// The state of the link before the change.
struct Before<'a> {
    undo: Undo,
    /// What it did not have yet.
    addresses: Vec<&'a Cidr>,
    routes: Vec<&'a RouteSpec>,
}

impl<'a> Before<'a> {
    fn of(job: &Job<'a>, link: &Link) -> Result<Self> {
        let carry = Carry::read(&job.to.netlink, link.ifindex)?;
        Ok(Self {
            undo: Undo::of(job.to, link, (&carry, &Sysctls::default(), &Attached::default()))?,
            addresses: diff::addresses(&job.spec.addresses, link, job.to)?,
            routes: diff::routes(job.spec, link, job.to)?,
        })
    }

    /// Removes what was added and restores what was changed.
    fn restore(&self, job: &Job<'_>, link: &Link) -> Result<()> {
        let netlink = &job.to.netlink;
        let Some(now) = netlink.link_at(link.ifindex)? else { return Ok(()) };
        for route in self.routes.iter().rev() {
            let removed = netlink.remove(route::request(route, link.ifindex));
            unless_absent(removed, &format!("remove route {route}"))?;
        }
        for cidr in self.addresses.iter().rev() {
            let removed = netlink.remove(address::request(cidr, link.ifindex));
            unless_absent(removed, &format!("remove address {cidr}"))?;
        }
        self.undo.restore(&now, job.to, job.to).and_then(Restored::whole).map(drop)
    }
}

fn unless_absent(removed: std::result::Result<(), NetlinkError>, context: &str) -> Result<()> {
    match removed {
        Err(error) if !matches!(error.errno, Errno::ESRCH | Errno::EADDRNOTAVAIL | Errno::ENETDOWN) => {
            Err(error.context(context))
        }
        _ => Ok(()),
    }
}
