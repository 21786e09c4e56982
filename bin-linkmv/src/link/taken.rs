//! Names that are taken.

use nicon_core::Error;
use nicon_rtnl::{Link, NetnsHandle, Relation};

use crate::link::mark::Mark;

/// The error that a name is taken in a namespace: it says by what, where the other end of that is, and of
/// which plan it is.
pub(crate) fn name_taken(name: &str, netns: &NetnsHandle) -> Error {
    let link = netns.netlink.link(name).ok().flatten();
    let words = link.map(|link| words(&link, name, netns)).filter(|words| !words.is_empty());
    let words = words.map(|words| format!(" ({})", words.join(", "))).unwrap_or_default();
    Error::no(format!("{name} already exists in {}{words}", netns.label))
}

/// What is to be said of a link that has a name.
fn words(link: &Link, name: &str, netns: &NetnsHandle) -> Vec<String> {
    let mut words = Vec::new();
    if link.name != name {
        words.push(format!("an alternative name of {}", link.name));
    }
    words.extend(link.kind.clone());
    words.extend(netns.lower_in_words(link).map(|lower| match link.relation() {
        Some(Relation::Peer) => format!("whose other end is {lower}"),
        _ => format!("on {lower}"),
    }));
    words.extend(Mark::all(link).map(|mark| format!("of the plan {}", mark.plan)));
    words
}
