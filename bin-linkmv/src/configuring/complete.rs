//! Gives links what they lack, all of it or nothing.

use nicon_core::Result;
use nicon_rtnl::Link;

use crate::configuring::before::{before, restore};
use crate::configuring::carried::Carried;
use crate::configuring::configuration::Configuration;
use crate::every_step::every_step;
use crate::link::undo::Undo;

/// Gives links that are there whatever they lack, and waits until they are `ready`. Returns how those that lacked anything were before.
///
/// # Errors
/// The links are left unchanged.
pub(crate) fn complete(links: &[(Configuration<'_>, &Link)], ready: impl FnOnce() -> Result<()>) -> Result<Vec<Undo>> {
    let mut changed = Vec::new();
    for (configuration, link) in links {
        if !configuration.steps(link)?.is_empty() {
            changed.push((before(configuration, link)?, configuration, link));
        }
    }
    let given = changed.iter().try_for_each(|(_, configuration, link)| {
        configuration.apply(link, &Carried::default())?;
        configuration.netns.check_alive()
    });
    if let Err(failure) = given.and_then(|()| ready()) {
        // What fails keeps no other from being restored.
        let restored = changed.iter().rev().map(|(before, configuration, link)| restore(before, configuration, link));
        every_step(restored).map_err(|error| error.prefix(&failure))?;
        return Err(failure);
    }
    Ok(changed.into_iter().map(|(before, ..)| before).collect())
}
