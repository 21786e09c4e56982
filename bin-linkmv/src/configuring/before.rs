//! The state of a link before it was configured.

use nicon_core::Result;
use nicon_rtnl::{Carry, Link, address, route};

use crate::configuring::configuration::Configuration;
use crate::link::diff;
use crate::link::sysctl::Sysctls;
use crate::link::undo::{Restored, Undo};

/// Records the state of a link that is about to be configured where it is.
///
/// # Errors
/// If the kernel does not answer.
pub(crate) fn before(configuration: &Configuration<'_>, link: &Link) -> Result<Undo> {
    let Configuration { spec, netns, .. } = configuration;
    let addresses = diff::addresses(&spec.addresses, link, netns)?;
    let routes = diff::routes_beside(&addresses, spec, link, netns)?;
    let addresses = addresses.into_iter().map(|cidr| address::request(cidr, link.ifindex, spec.nodad));
    let given =
        Carry::of_requests(addresses.chain(routes.into_iter().map(|asked| route::request(asked, link.ifindex))));
    let settings = Sysctls::asked(&spec.settings).present(netns, &link.name)?;
    Undo::in_place(netns, link, &settings, &given)
}

/// Removes what was added to a link, and restores what was changed.
///
/// # Errors
/// If it is not as it was.
pub(crate) fn restore(undo: &Undo, configuration: &Configuration<'_>, link: &Link) -> Result<()> {
    let netns = configuration.netns;
    let Some(now) = netns.netlink.link_at(link.ifindex)? else { return Ok(()) };
    undo.restore(&now, netns, netns).and_then(Restored::whole).map(drop)
}
