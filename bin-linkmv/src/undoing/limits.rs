//! Where an undo looks for links, and what it must not destroy.

use nicon_core::{Error, Result};
use nicon_rtnl::uppers::Uppers;
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::on_top::OnTop;
use crate::link::undo::Undo;

/// Where an undo looks for links, and what it must not destroy.
#[derive(Clone, Copy)]
pub(crate) struct Limits<'a> {
    pub(crate) reach: Reach,
    /// What is stacked on links, which is not destroyed unawares. `None` if the undo is forced.
    pub(crate) guard: Option<&'a OnTop>,
}

/// Where a moved link is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Where the deed left it, and where it came from.
    Left,
    /// In any network namespace of this machine.
    Anywhere,
}

impl Limits<'_> {
    /// Makes sure that a link which is to come back is known to have left. If a run found it in its target already, only the link itself
    /// says so, and its container's root can make any link say that.
    ///
    /// # Errors
    /// If that is all, and the undo is not forced.
    pub(crate) fn check_known(
        &self,
        undo: &Undo,
        link: &Link,
        there: &NetnsHandle,
        origin: &NetnsHandle,
    ) -> Result<()> {
        if undo.is_whole() || self.guard.is_none() {
            return Ok(());
        }
        let (name, there, origin) = (&link.name, &there.label, &origin.label);
        Err(Error::failed(format!(
            "{name} was in {there} before this record, and nothing but the link itself says that it came from {origin} (undo the record of its move; or --undo --force brings it there, down and with no address of before)"
        )))
    }

    /// Makes sure that an `act` on a link destroys nothing that is stacked on it: `destroyed` lists what it would destroy.
    ///
    /// # Errors
    /// What it would destroy.
    pub(crate) fn check(
        &self,
        link: &Link,
        there: &NetnsHandle,
        act: &str,
        destroyed: fn(&Uppers, &Link) -> Vec<String>,
    ) -> Result<()> {
        let Some(guard) = self.guard else { return Ok(()) };
        let destroyed = guard.find(there, |uppers| destroyed(uppers, link))?.join(", ");
        if destroyed.is_empty() {
            return Ok(());
        }
        let (name, there) = (&link.name, &there.label);
        Err(Error::failed(format!(
            "{name} in {there} has {destroyed} stacked on it, which {act} would destroy (--undo --force does it anyway)"
        )))
    }
}
