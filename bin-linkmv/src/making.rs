//! How links are made.

pub(crate) mod new_link;

use nicon_core::Error;
use nicon_rtnl::{NetlinkError, NetnsHandle};
use nix::errno::Errno;

use crate::link::wait_ready::Readiness;

/// How links are made, single ones and pairs.
pub(crate) struct Options<'a> {
    pub(crate) readiness: Readiness<'a>,
    pub(crate) dry_run: bool,
    /// Whether the namespaces of what is made are held open to the end of the run.
    pub(crate) all_or_nothing: bool,
    /// Whether addresses, routes and a netem that nicon gave a link, and that are not asked for, go.
    pub(crate) exact: bool,
}

/// Deletes what is new again, since it is not what was asked for. Returns why, and what else went wrong.
pub(crate) fn delete_again(netns: &NetnsHandle, ifindex: u32, what: &str, why: Error) -> Error {
    match netns.netlink.delete_link(ifindex) {
        // It went with a namespace that ended meanwhile.
        Ok(()) | Err(NetlinkError { errno: Errno::ENODEV, .. }) => why,
        Err(failure) => failure.context(&format!("delete {what} again")).prefix(&why),
    }
}
