//! Checks of a link that is to be made, before anything is changed.

use nicon_core::Result;
use nicon_core::link::NewName;
use nicon_rtnl::Carry;

use crate::configuring::check::check_routes;
use crate::configuring::configuration::Configuration;
use crate::link::mark::Mark;
use crate::link::port_options;
use crate::link::taken::name_taken;

impl Configuration<'_> {
    /// Checks what a link that is not there yet is to get. Whether its name is free is known.
    ///
    /// # Errors
    /// If the kernel would reject it.
    pub(crate) fn check_new(&self) -> Result<()> {
        let Self { spec, netns, .. } = self;
        let asked = spec.altnames.iter().map(|altname| altname.as_str().to_owned());
        for name in asked.chain(self.mark.map(Mark::altname)) {
            if netns.netlink.link(&name)?.is_some() {
                return Err(name_taken(&name, netns));
            }
        }
        port_options::check(spec, spec.name.as_ref().map_or("the link", NewName::as_str), self.master, netns)?;
        check_routes(spec, netns, &Carry::default(), None)
    }
}
