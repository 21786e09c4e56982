//! Giving a link that an earlier run moved what it lacks: all of it, or nothing.

use nicon_core::Result;
use nicon_core::link::{Cidr, RouteSpec};
use nicon_rtnl::{Carry, Link, NetlinkError, address, route};
use nix::errno::Errno;

use crate::linkmv::check::check_again;
use crate::linkmv::dress::{Luggage, dress};
use crate::linkmv::lacking;
use crate::linkmv::lost::Forfeit;
use crate::linkmv::mark::Origin;
use crate::linkmv::mover::{Job, Mover, Outcome};
use crate::linkmv::plan;
use crate::linkmv::sysctl::Sysctls;
use crate::linkmv::undo::Undo;

/// The steps that are left to do for a link that came from `origin`.
///
/// # Errors
/// What the kernel would refuse.
pub(crate) fn plan(job: &Job<'_>, link: &Link, origin: &Origin) -> Result<Outcome> {
    let steps = plan::amendments(job, link, origin, check_again(job, link)?)?;
    Ok(Outcome::Planned { link: origin.name.clone(), name: link.name.clone(), steps, lost: None })
}

/// Does what is left to do, and returns whether that was anything.
///
/// # Errors
/// The link is then as it was.
pub(crate) fn amend(mover: &Mover, job: &Job<'_>, link: &Link, origin: &Origin) -> Result<bool> {
    let master = check_again(job, link)?;
    if plan::amendments(job, link, origin, master)?.is_empty() {
        mover.settle(job, link)?;
        return Ok(false);
    }
    let before = Before::of(job, link)?;
    let changed = dress(job, link, (origin, master), &Luggage::default());
    match changed.and_then(|changed| mover.settle(job, link).map(|()| changed)) {
        Err(failure) => {
            before.restore(job, link).map_err(|error| error.prefix(&failure))?;
            Err(failure)
        }
        changed => changed,
    }
}

/// How the link is before it is changed.
struct Before<'a> {
    undo: Undo,
    /// What it did not have.
    addresses: Vec<&'a Cidr>,
    routes: Vec<&'a RouteSpec>,
}

impl<'a> Before<'a> {
    fn of(job: &Job<'a>, link: &Link) -> Result<Self> {
        let carry = Carry::read(&job.to.netlink, link.ifindex)?;
        Ok(Self {
            undo: Undo::of(job.to, link, (&carry, &Sysctls::default(), &Forfeit::default()))?,
            addresses: lacking::addresses(job.wish, link, job.to)?,
            routes: lacking::routes(job.wish, link, job.to)?,
        })
    }

    /// Removes what was added, and sets what was changed as it was.
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
        self.undo.restore(&now, job.to, job.to).map(drop)
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
