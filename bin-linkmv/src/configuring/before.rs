//! The state of a link before it was configured.

use nicon_core::Result;
use nicon_core::link::{Cidr, RouteSpec};
use nicon_rtnl::{Carry, Link, NetlinkError, address, route};
use nix::errno::Errno;

use crate::configuring::configuration::Configuration;
use crate::link::attached::Attached;
use crate::link::diff;
use crate::link::sysctl::Sysctls;
use crate::link::undo::{Restored, Undo};

/// The state of a link that is about to be configured where it is.
pub(crate) struct Before<'a> {
    undo: Undo,
    /// What it does not have yet.
    addresses: Vec<&'a Cidr>,
    routes: Vec<&'a RouteSpec>,
}

impl<'a> Before<'a> {
    pub(crate) fn of(configuration: &Configuration<'a>, link: &Link) -> Result<Self> {
        let Configuration { spec, netns, .. } = configuration;
        let carry = Carry::read(&netns.netlink, link.ifindex)?;
        let addresses = diff::addresses(&spec.addresses, link, netns)?;
        Ok(Self {
            undo: Undo::of(netns, link, (&carry, &Sysctls::default(), &Attached::default()))?,
            routes: diff::routes_beside(&addresses, spec, link, netns)?,
            addresses,
        })
    }

    /// Removes what was added and restores what was changed.
    pub(crate) fn restore(&self, configuration: &Configuration<'_>, link: &Link) -> Result<()> {
        let netns = configuration.netns;
        let netlink = &netns.netlink;
        let Some(now) = netlink.link_at(link.ifindex)? else { return Ok(()) };
        for route in self.routes.iter().rev() {
            let removed = netlink.remove(route::request(route, link.ifindex));
            unless_absent(removed, &format!("remove route {route}"))?;
        }
        for cidr in self.addresses.iter().rev() {
            let removed = netlink.remove(address::request(cidr, link.ifindex));
            unless_absent(removed, &format!("remove address {cidr}"))?;
        }
        self.undo.restore(&now, netns, netns).and_then(Restored::whole).map(drop)
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
