//! Checks of a link that is to be made, before anything is changed.

use nicon_core::Result;
use nicon_core::link::{AltName, NewName};
use nicon_rtnl::Carry;

use crate::configuring::check::check_routes;
use crate::configuring::configuration::Configuration;
use crate::link::port_options;
use crate::link::taken::name_taken;

impl Configuration<'_> {
    /// Checks what a link that is not there yet is to get. Whether its name is free is known.
    ///
    /// # Errors
    /// If the kernel would reject it.
    pub(crate) fn check_new(&self) -> Result<()> {
        let Self { spec, netns, .. } = self;
        for name in spec.altnames.iter().map(AltName::as_str) {
            if netns.netlink.link(name)?.is_some() {
                return Err(name_taken(name, netns));
            }
        }
        port_options::check(spec, spec.name.as_ref().map_or("the link", NewName::as_str), self.master, netns)?;
        check_routes((spec, netns), &Carry::default(), None)
    }
}
