//! What a link is to be like.

use nicon_core::link::LinkSpec;
use nicon_rtnl::NetnsHandle;

use crate::link::tag::Origin;

/// What a link is to be like in its network namespace.
#[derive(Clone, Copy)]
pub(crate) struct Configuration<'a> {
    pub(crate) spec: &'a LinkSpec,
    pub(crate) netns: &'a NetnsHandle,
    /// The ifindex of the requested master.
    pub(crate) master: Option<u32>,
    /// Where it came from, if it was moved: the link is to say so.
    pub(crate) origin: Option<&'a Origin>,
    /// Whether addresses, routes and a netem that nicon gave it, and that are not asked for, go.
    pub(crate) exact: bool,
}
