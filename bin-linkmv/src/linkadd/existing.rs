//! Whether a link that is there is the one that is asked for.

use nicon_core::{Error, Result};
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::taken::name_taken;
use crate::linkadd::asked::Asked;
use crate::linkadd::lower::Lower;

/// Makes sure that a link which has the name is what an earlier run of the same command made, complete or not.
///
/// # Errors
/// [`nicon_core::Status::No`] if it is not: what differs.
pub(crate) fn check_same(asked: &Asked, lower: &Lower, (link, own): (&Link, &NetnsHandle)) -> Result<()> {
    let settings = link.settings.as_ref().filter(|settings| settings.kind() == asked.kind.settings.kind());
    let Some(settings) = settings else { return Err(name_taken(asked.name.as_str(), own)) };
    let kind = settings.kind();
    let other = |how: &str| Error::no(format!("{} already exists in {}: a {kind} {how}", asked.name, own.label));
    if !lower.is_below(link, own)? {
        let place = |name: &str| {
            if own.is(&lower.netns) { name.to_owned() } else { format!("{name} in {}", lower.netns.label) }
        };
        let wanted = lower
            .link
            .as_ref()
            .map_or_else(|| format!("from {}", lower.netns.label), |lower| format!("on {}", place(&lower.name)));
        let present =
            own.lower_in_words(link).map_or_else(|| "from elsewhere".to_owned(), |lower| format!("on {lower}"));
        return Err(other(&format!("{present}, not {wanted}")));
    }
    asked.kind.settings.difference(settings).map_or(Ok(()), |difference| Err(other(&difference)))
}
