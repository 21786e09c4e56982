//! Whether a link that is there is the one that is asked for.

use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::from::open_from;
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

/// Whether a link of a namespace is what a record asks for, as far as it cannot be changed in place.
///
/// # Errors
/// If the record cannot be understood, or the kernel does not answer.
pub(crate) fn is_as_asked(record: &Record, (link, own): (&Link, &NetnsHandle), home: &NetnsHandle) -> Result<bool> {
    let asked = Asked::try_from(record)?;
    let from = if asked.kind.settings.kind().is_made_from_elsewhere() {
        open_from(record, own, home, home)?
    } else {
        own.try_clone()?
    };
    match Lower::find(&asked, from).and_then(|lower| check_same(&asked, &lower, (link, own))) {
        Ok(()) => Ok(true),
        Err(error) if error.status() == Status::No => Ok(false),
        Err(error) => Err(error),
    }
}
