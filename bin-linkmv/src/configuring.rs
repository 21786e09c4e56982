//! Configuring a link where it is: what it is to be like, and what it lacks.

mod apply;
mod before;
pub(crate) mod carried;
pub(crate) mod check;
pub(crate) mod steps;

use nicon_core::Result;
use nicon_core::link::LinkSpec;
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::tag::Origin;
use before::Before;
use carried::Carried;

/// What a link is to be like in its network namespace.
#[derive(Clone, Copy)]
pub(crate) struct Configuration<'a> {
    pub(crate) spec: &'a LinkSpec,
    pub(crate) netns: &'a NetnsHandle,
    /// The ifindex of the requested master.
    pub(crate) master: Option<u32>,
    /// Where it came from, if it was moved: the link is to say so.
    pub(crate) origin: Option<&'a Origin>,
}

/// Gives links that are there whatever they lack, and returns whether anything was, once `ready` has found them so.
///
/// # Errors
/// The links are left unchanged.
pub(crate) fn complete(links: &[(Configuration<'_>, &Link)], ready: impl FnOnce() -> Result<()>) -> Result<bool> {
    let mut before = Vec::new();
    for (configuration, link) in links {
        if !configuration.steps(link)?.is_empty() {
            before.push((Before::of(configuration, link)?, configuration, link));
        }
    }
    let given = before.iter().try_for_each(|(_, configuration, link)| {
        configuration.apply(link, &Carried::default())?;
        configuration.netns.check_alive()
    });
    if let Err(failure) = given.and_then(|()| ready()) {
        for (before, configuration, link) in before.iter().rev() {
            before.restore(configuration, link).map_err(|error| error.prefix(&failure))?;
        }
        return Err(failure);
    }
    Ok(!before.is_empty())
}
