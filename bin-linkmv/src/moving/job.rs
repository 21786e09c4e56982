//! A request to move a link, and its outcome.

use std::rc::Rc;

use nicon_core::Result;
use nicon_core::link::{LinkSpec, Selector};
use nicon_rtnl::{Link, NetnsHandle};

use crate::configuring::configuration::Configuration;
use crate::link::ending::{Ending, Remainder};
use crate::link::journal::Journals;
use crate::link::kept::Keeper;
use crate::link::losses::Losses;
use crate::link::mark::Mark;
use crate::link::namespaces::Namespaces;
use crate::link::source::Source;
use crate::link::tag::Origin;
use crate::link::undo::Undo;
use crate::link::wait_ready::Readiness;
use crate::moving::guard::Guard;

/// One link to be moved.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) selector: &'a Selector,
    pub(crate) spec: &'a LinkSpec,
    pub(crate) from: &'a Source,
    pub(crate) to: &'a Rc<NetnsHandle>,
    /// The plan that the link belongs to, if any.
    pub(crate) plan: Option<&'a str>,
}

impl Job<'_> {
    /// What the link is to be like in its target, having come from `origin` unless it was there before.
    pub(crate) fn configuration<'a>(&'a self, master: Option<u32>, origin: Option<&'a Origin>) -> Configuration<'a> {
        let exact = self.plan.is_some();
        Configuration { spec: self.spec, netns: self.to, master, origin, mark: None, plan: self.plan, exact }
    }

    /// How a link in the target was before the plan moved or changed it for the first time, if that is kept.
    ///
    /// # Errors
    /// If what is kept cannot be read.
    pub(super) fn kept(&self, options: &Options<'_>, link: &Link) -> Result<Option<Undo>> {
        let keeper = self.plan.zip(Keeper::of(options.journals));
        let Some(((plan, keeper), inode)) = keeper.zip(self.to.inode(link)?) else { return Ok(None) };
        keeper.undo_of(plan, inode)
    }

    /// What the link is to be like, without the mark of the plan.
    pub(super) fn unmarked_spec(&self) -> LinkSpec {
        let mut spec = self.spec.clone();
        spec.altnames.retain(|altname| self.plan.is_none_or(|plan| !Mark::is_of(altname.as_str(), plan)));
        spec
    }
}

/// Options that apply to all links of a run.
pub(crate) struct Options<'a> {
    pub(crate) guard: Guard,
    pub(crate) readiness: Readiness<'a>,
    pub(crate) dry_run: bool,
    pub(crate) journals: &'a Journals<'a>,
    pub(crate) namespaces: &'a Namespaces,
    /// Whether links keep their tags until all of them are done.
    pub(crate) all_or_nothing: bool,
}

impl Options<'_> {
    /// Removes the tag of a move that is complete, unless the tags of all moves of the run go at the end.
    ///
    /// # Errors
    /// As [`Ending::remove_tag`].
    pub(crate) fn untag(&self, ending: Ending) -> Result<Ending> {
        if !self.all_or_nothing {
            ending.remove_tag(self.namespaces)?;
        }
        Ok(ending)
    }
}

/// The outcome of a job.
pub(crate) enum Outcome {
    Moved(Box<Moved>),
    /// Nothing was done: this is what would be.
    Planned {
        /// The link's name where it comes from.
        link: String,
        /// The name that it gets, or the pattern for it.
        name: String,
        steps: Vec<String>,
        lost: Option<Box<Losses>>,
    },
}

/// A link that is in its target.
pub(crate) struct Moved {
    /// Its name before the move.
    pub(crate) origin: String,
    /// The link, as it is now.
    pub(crate) link: Link,
    /// False if nothing was left to do.
    pub(crate) changed: bool,
    /// Its state before the move.
    pub(crate) undo: Undo,
    /// What it lost in the move, if known.
    pub(crate) lost: Option<Losses>,
    /// What is left of what this run did.
    pub(crate) remainder: Remainder,
}
