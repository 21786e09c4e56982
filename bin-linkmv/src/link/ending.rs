//! What an act leaves to be done, or to be taken back, when its link is as asked.

use std::iter;
use std::rc::Rc;

use nicon_core::Result;
use nicon_rtnl::NetnsHandle;

use crate::link::find::tagged;
use crate::link::namespaces::Namespaces;
use crate::link::tag;
use crate::link::undo::Undo;
use crate::link::written::Written;

/// Takes back what a link was given that its [`Undo`] says nothing of.
pub(crate) type TakeBack = Box<dyn FnOnce() -> Result<()>>;

/// What is left of an act whose link is as asked.
#[derive(Default)]
pub(crate) struct Remainder {
    /// What is to be done once somebody has its record.
    pub(crate) ending: Option<Ending>,
    /// How links were that were there already, and that it changed.
    pub(crate) changes: Vec<Undo>,
    /// What else takes that back.
    pub(crate) extras: Option<TakeBack>,
    /// Whether another record of the act has these.
    pub(crate) is_with_another: bool,
}

impl From<Ending> for Remainder {
    fn from(ending: Ending) -> Self {
        Self { ending: Some(ending), ..Self::default() }
    }
}

impl From<Vec<Undo>> for Remainder {
    fn from(changes: Vec<Undo>) -> Self {
        Self { changes, ..Self::default() }
    }
}

impl Remainder {
    /// Whether links were changed that were there already.
    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty() || self.extras.is_some() || self.is_with_another
    }

    /// One for each record of the act: what is left of it goes with the first.
    pub(crate) fn for_records(self) -> impl Iterator<Item = Self> {
        let is_with_another = self.has_changes();
        iter::once(self).chain(iter::repeat_with(move || Self { is_with_another, ..Self::default() }))
    }
}

/// The traces of a move whose link is in its target. Until they are removed, the same command finds the link by them, and all that
/// is known of how it was.
pub(crate) struct Ending {
    /// Where the link may be: in its target, or at home again.
    places: [Rc<NetnsHandle>; 2],
    tag: String,
    inode: Option<u64>,
    written: Written,
}

impl Ending {
    /// What is left of the move of the link with a tag and an inode number, between its target and its home.
    pub(crate) fn new(places: [&Rc<NetnsHandle>; 2], (tag, inode): (&str, Option<u64>), written: Written) -> Self {
        Self { places: places.map(Rc::clone), tag: tag.to_owned(), inode, written }
    }

    /// Removes the tag. A link that a later move of the run has brought elsewhere is looked for.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(crate) fn remove_tag(&self, namespaces: &Namespaces) -> Result<()> {
        for netns in &self.places {
            if let Some(link) = tagged(&self.tag, self.inode, netns)? {
                return tag::remove_tag(netns, &link, &self.tag);
            }
        }
        match self.inode.map_or(Ok(None), |inode| namespaces.find_link(inode))? {
            Some((netns, link)) => tag::remove_tag(&netns, &link, &self.tag),
            None => Ok(()),
        }
    }

    /// Removes the journal: somebody has the record of the move.
    pub(crate) fn end(self) {
        self.written.end();
    }

    /// Removes all that is written down of the move, which was taken back.
    pub(crate) fn discard(self) {
        self.written.discard();
    }
}
