//! Gives links what they lack, all of it or nothing.

use nicon_core::Result;
use nicon_rtnl::Link;

use crate::configuring::before::Before;
use crate::configuring::carried::Carried;
use crate::configuring::configuration::Configuration;

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
