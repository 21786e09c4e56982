//! What a move carries over from the old namespace.

use nicon_core::link::{Keep, LinkSpec};
use nicon_rtnl::Carry;

use crate::link::sysctl::Sysctls;

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
