//! Configures a link that an earlier run moved: everything that is missing, or nothing.

use nicon_core::Result;
use nicon_rtnl::Link;

use crate::configuring::complete::complete;
use crate::configuring::steps::until_ready;
use crate::link::tag::Origin;
use crate::link::undo::Undo;
use crate::link::wait_ready::wait_ready;
use crate::moving::check::master;
use crate::moving::job::{Job, Options, Outcome};

/// The steps that are left to do for a link that came from `origin`.
///
/// # Errors
/// If the kernel would reject the change.
pub(crate) fn plan(job: &Job<'_>, options: &Options<'_>, link: &Link, origin: &Origin) -> Result<Outcome> {
    let configuration = job.configuration(master(job)?, Some(origin));
    configuration.check(link)?;
    let mut steps = configuration.steps(link)?;
    steps.extend(until_ready(&options.readiness, &link.name));
    Ok(Outcome::Planned { link: origin.name.clone(), name: link.name.clone(), steps, lost: None })
}

/// Does what is left to do, and returns how the link was before if there was anything.
///
/// # Errors
/// The link is left unchanged.
pub(crate) fn reconcile(job: &Job<'_>, options: &Options<'_>, link: &Link, origin: &Origin) -> Result<Vec<Undo>> {
    let configuration = job.configuration(master(job)?, Some(origin));
    configuration.check(link)?;
    complete(&[(configuration, link)], || wait_ready(job.to, link, &options.readiness))
}
