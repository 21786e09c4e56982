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
    let Some(settings) = settings else { return Err(name_taken(asked.link.name.as_str(), own)) };
    let kind = settings.kind();
    let other = |how: &str| Error::no(format!("{} already exists in {}: a {kind} {how}", asked.link.name, own.label));
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

/// Whether a link of a namespace is what a record asks for, as far as it cannot be changed in place. It is not if what it is to be
/// made on is missing.
///
/// # Errors
/// If the record cannot be understood, or the kernel does not answer.
pub(crate) fn is_as_asked(record: &Record, there: (&Link, &NetnsHandle), home: &NetnsHandle) -> Result<bool> {
    yes_or_no(compare(record, there, home).and_then(|same| same))
}

/// Whether a link of a namespace is in the way of what a record asks for, which could be made in its place.
///
/// # Errors
/// As [`is_as_asked`].
pub(crate) fn is_in_the_way(record: &Record, there: (&Link, &NetnsHandle), home: &NetnsHandle) -> Result<bool> {
    match compare(record, there, home) {
        Ok(same) => yes_or_no(same).map(|same| !same),
        Err(error) if error.status() == Status::No => Ok(false),
        Err(error) => Err(error),
    }
}

/// As [`check_same`] says, if what the link is to be made on is there.
fn compare(record: &Record, (link, own): (&Link, &NetnsHandle), home: &NetnsHandle) -> Result<Result<()>> {
    let asked = Asked::try_from(record)?;
    let from =
        if asked.kind.settings.kind().is_made_from_elsewhere() { open_from(record, own, home)? } else { own.clone() };
    Ok(check_same(&asked, &Lower::find(&asked, from)?, (link, own)))
}

fn yes_or_no(checked: Result<()>) -> Result<bool> {
    match checked {
        Ok(()) => Ok(true),
        Err(error) if error.status() == Status::No => Ok(false),
        Err(error) => Err(error),
    }
}
