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
    let (name, place) = (&link.name, &netns.label);
    if Mark::is_being_made(link) {
        return Err(Error::no(format!("{name} in {place} is being made for another plan than {plan}")));
    }
    let Some(mark) = Mark::all(link).next() else { return Ok(()) };
    // Root in a container can write it, and is not to have plans destroyed.
    let (other, altname) = (&mark.plan, mark.altname());
    Err(Error::no(format!(
        "{name} in {place} is of the plan {other}, not of {plan}, by its alternative name {altname}: if this plan was called {other}, destroy it under that name first (echo '{{\"plan\":\"{other}\"}}' | nicon-wire --destroy); if somebody else gave it that name, remove that"
    )))
}
