//! Whose plan a link is of: no plan takes another's link for its own.

use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::mark::Mark;

/// Makes sure that a link carries no mark of plans but this one's.
///
/// # Errors
/// [`nicon_core::Status::No`] if it is another plan's, with the way out.
pub(crate) fn check_owner(link: &Link, plan: Option<&str>, netns: &NetnsHandle) -> Result<()> {
    let Some(plan) = plan.filter(|plan| Mark::on(link, plan).is_none()) else { return Ok(()) };
    let Some(Mark { plan: other, .. }) = Mark::all(link).next() else { return Ok(()) };
    Err(Error::no(format!(
        "{} in {} is of the plan {other}, not of {plan}: destroy that first (echo '{{\"plan\":\"{other}\"}}' | nicon-wire --destroy), or keep its name (name: {other})",
        link.name, netns.label
    )))
}
