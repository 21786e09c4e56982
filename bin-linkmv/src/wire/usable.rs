//! Waiting until the links of a plan are usable, once all of them are there: a bridge has a carrier by its ports, which come later.

use std::rc::Rc;
use std::time::Instant;

use nicon_core::{Error, Record, Result};
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::wait_ready::wait_ready_since;
use crate::record::deed::Deed;
use crate::wire::context::Context;

/// Waits until the link of a record's last deed is usable, since the wait for all of a plan has `begun`.
///
/// # Errors
/// If it is not usable in time, or is gone.
pub(crate) fn wait_for(record: &Record, begun: Instant, context: &Context<'_>) -> Result<()> {
    match waiting(record, context)? {
        Some((netns, link)) => wait_ready_since(begun, &netns, &link, &context.readiness()),
        None => Ok(()),
    }
}

/// A link that is made and not usable yet, or a pair, by its records.
pub(crate) struct Awaited {
    records: Vec<Record>,
    /// When it was looked at first, since which it is waited for.
    begun: Option<Instant>,
}

impl Awaited {
    /// That of records of which the last deed was done now; `None` if none is waited for.
    pub(crate) fn of(records: &[Record], context: &Context<'_>) -> Option<Self> {
        context.readiness().is_asked().then(|| Self { records: records.to_vec(), begun: None })
    }

    /// The same, for which the wait began when that for the `other` did.
    pub(crate) fn since(self, other: Option<Self>) -> Self {
        Self { begun: other.and_then(|other| other.begun), ..self }
    }

    /// Looks once whether it is usable.
    ///
    /// # Errors
    /// If it has not become so in time, or is gone.
    pub(crate) fn is_usable(&mut self, context: &Context<'_>) -> Result<bool> {
        let readiness = context.readiness();
        let begun = *self.begun.get_or_insert_with(Instant::now);
        while let Some(record) = self.records.last() {
            if let Some((netns, link)) = waiting(record, context)?
                && let Some(lack) = readiness.look(&netns, &link)?
            {
                let is_late = begun.elapsed() >= readiness.limit();
                return if is_late { Err(lack.after(readiness.limit())) } else { Ok(false) };
            }
            self.records.pop();
        }
        Ok(true)
    }
}

/// The link of a record's last deed, where it is now. One that is down is not waited for: the plan asks for that.
fn waiting(record: &Record, context: &Context<'_>) -> Result<Option<(Rc<NetnsHandle>, Link)>> {
    let Some(deed) = Deed::all(record)?.pop() else { return Ok(None) };
    let netns = context.namespaces.of_record(record)?;
    match netns.netlink.link_at(deed.ifindex)? {
        Some(link) => Ok(link.is_up().then_some((netns, link))),
        None => Err(Error::no(format!("{} has vanished from {}", deed.name, netns.label))),
    }
}
