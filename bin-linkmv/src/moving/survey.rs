//! The state of a link before anything is changed.

use nicon_core::Result;
use nicon_core::link::Keep;
use nicon_rtnl::{Carry, Link, NetnsHandle};

use crate::configuring::carried::Carried;
use crate::configuring::check::check_routes;
use crate::link::attached::Attached;
use crate::link::losses::Losses;
use crate::link::sysctl::Sysctls;
use crate::moving::check::{Checked, check};
use crate::moving::job::{Job, Options, Outcome};
use crate::moving::plan::plan;

/// What a link has, and what a move would take from it.
pub(crate) struct Survey {
    pub(crate) checked: Checked,
    pub(crate) carry: Carry,
    pub(crate) settings: Sysctls,
    pub(crate) attached: Attached,
    pub(crate) losses: Losses,
}

impl Survey {
    /// Reads the link's state.
    ///
    /// # Errors
    /// If the move is not allowed, or the kernel would reject it.
    pub(crate) fn of(job: &Job<'_>, options: &Options<'_>, link: &Link) -> Result<Self> {
        Self::foreseen(job, options, link, &link.name)
    }

    /// The same for a link that will be like `link` when it is moved, and is still called `now`.
    ///
    /// # Errors
    /// As [`Survey::of`].
    pub(crate) fn foreseen(job: &Job<'_>, options: &Options<'_>, link: &Link, now: &str) -> Result<Self> {
        let from = &job.from.netns;
        let checked = check(job, link)?;
        let carry = Carry::read(&from.netlink, link.ifindex)?;
        let destroyed = options.guard.check(link, &carry, from)?;
        let attached = Attached::of(from, link, &carry)?;
        if !options.guard.is_forced() {
            attached.check(&link.name)?;
        }
        check_routes(job.spec, job.to, &carry.along(false, job.spec.keeps(Keep::Route), 0), None)?;
        let settings = job.from.settings(link.ifindex, now)?;
        let losses = Losses::of(&carry, &settings, attached.lost(link.ifindex), job.spec);
        let losses = losses.and_links(master_of(link, from)?, destroyed);
        Ok(Self { checked, carry, settings, attached, losses })
    }

    /// What a move would do.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(crate) fn plan(self, job: &Job<'_>, options: &Options<'_>, link: Link) -> Result<Outcome> {
        let carried = Carried::pack(job.spec, &self.carry, self.settings, link.ifindex);
        let steps = plan(job, options, &link, &self.checked, &carried)?;
        let name = job.spec.name.as_ref().map_or_else(|| link.name.clone(), ToString::to_string);
        Ok(Outcome::Planned { link: link.name, name, steps, lost: Some(Box::new(self.losses)) })
    }
}

/// The name of the link that this one is a port of.
fn master_of(link: &Link, netns: &NetnsHandle) -> Result<Option<String>> {
    let Some(master) = link.master else { return Ok(None) };
    Ok(netns.netlink.link_at(master)?.map(|master| master.name))
}
