//! Waiting until the links of a plan are usable, once all of them are there: a bridge has a carrier by its ports, which come later.

use std::time::Instant;

use nicon_core::{Error, Record, Result};

use crate::link::wait_ready::{Readiness, wait_ready_since};
use crate::record::deed::Deed;
use crate::wire::context::Context;

/// A wait for many links, which all have the same time for it.
pub(crate) struct Usable<'a> {
    readiness: Readiness<'a>,
    begun: Instant,
    context: &'a Context<'a>,
}

impl<'a> Usable<'a> {
    /// Begins it; `None` if the command line asks for none.
    pub(crate) fn begin(context: &'a Context<'a>) -> Option<Self> {
        let readiness = context.readiness();
        readiness.is_asked().then(|| Self { readiness, begun: Instant::now(), context })
    }

    /// Waits until the link of a record's last deed is usable. One that is down is not waited for: the plan asks for that.
    ///
    /// # Errors
    /// If it is not usable in time, or is gone.
    pub(crate) fn wait_for(&self, record: &Record) -> Result<()> {
        let Some(deed) = Deed::all(record)?.pop() else { return Ok(()) };
        let netns = self.context.namespaces.of_record(record)?;
        match netns.netlink.link_at(deed.ifindex)? {
            Some(link) if !link.is_up() => Ok(()),
            Some(link) => wait_ready_since(self.begun, &netns, &link, &self.readiness),
            None => Err(Error::no(format!("{} has vanished from {}", deed.name, netns.label))),
        }
    }
}
