//! What a link is to be like.

use nicon_core::link::LinkSpec;
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::diff;
use crate::link::mark::Mark;
use crate::link::tag::Origin;

/// What a link is to be like in its network namespace.
#[derive(Clone, Copy)]
pub(crate) struct Configuration<'a> {
    pub(crate) spec: &'a LinkSpec,
    pub(crate) netns: &'a NetnsHandle,
    /// The ifindex of the requested master.
    pub(crate) master: Option<u32>,
    /// Where it came from, if it was moved: the link is to say so.
    pub(crate) origin: Option<&'a Origin>,
    /// The mark that it gets when it is made. A link that somebody else made gets none.
    pub(crate) mark: Option<&'a Mark>,
    /// The plan that asks for it, if any.
    pub(crate) plan: Option<&'a str>,
    /// Whether addresses, routes and a netem that nicon gave it, and that are not asked for, go.
    pub(crate) exact: bool,
}

impl Configuration<'_> {
    /// What was to be done to a link, as the beginning of a message: `what` ends with the word before its name.
    pub(crate) fn context(&self, what: &str, link: &Link) -> String {
        format!("{what} {} in {}", link.name, self.netns.label)
    }

    /// Whether a link is being made for the plan whose mark it is to get.
    pub(crate) fn is_being_made(&self, link: &Link) -> bool {
        self.mark.is_some_and(|mark| mark.group() == link.group)
    }

    /// The alternative names that a link lacks.
    pub(crate) fn altnames(&self, link: &Link) -> Vec<String> {
        let asked = diff::altnames(self.spec, link).into_iter().map(str::to_owned);
        let mark = self.mark.filter(|_| self.is_being_made(link)).map(Mark::altname);
        asked.chain(mark.filter(|mark| !link.altnames.contains(mark))).collect()
    }
}
