//! What still belongs to an act whose link is as asked: traces that have to go once somebody has its record, and what is needed to take it
//! back as long as nobody has.

use std::iter;
use std::rc::Rc;

use nicon_core::Result;
use nicon_rtnl::NetnsHandle;

use crate::link::find::Tagged;
use crate::link::namespaces::Namespaces;
use crate::link::tag::remove_tag;
use crate::link::undo::Undo;
use crate::link::written::Written;

/// Takes back what a link was given that its [`Undo`] says nothing of.
pub(crate) type TakeBack = Box<dyn FnOnce() -> Result<()>>;

/// What still belongs to an act whose link is as asked.
#[derive(Default)]
pub(crate) struct Remainder {
    /// The traces of a move.
    pub(crate) ending: Option<Ending>,
    /// How those links were before that were there already, and that the act changed.
    pub(crate) changes: Vec<Undo>,
    /// What takes back that a link was given more than these say.
    pub(crate) extras: Option<TakeBack>,
    /// Whether the changes and extras stand with another record of the act.
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

    /// One for each record of the act: all of it goes with the first.
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
    tagged: Tagged,
    written: Written,
}

impl Ending {
    /// Those of a move between two places, the target and the home of its link.
    pub(crate) fn new(places: [&Rc<NetnsHandle>; 2], tagged: Tagged, written: Written) -> Self {
        Self { places: places.map(Rc::clone), tagged, written }
    }

    /// Removes the tag. A link that a later move of the run has brought elsewhere is looked for.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(crate) fn remove_tag(&self, namespaces: &Namespaces) -> Result<()> {
        let Tagged { tag, inode } = &self.tagged;
        for netns in &self.places {
            if let Some(link) = self.tagged.find(netns)? {
                return remove_tag(netns, &link, tag);
            }
        }
        match inode.map_or(Ok(None), |inode| namespaces.find_link(inode))? {
            Some((netns, link)) => remove_tag(&netns, &link, tag),
            None => Ok(()),
        }
    }

    /// Removes the journal, since somebody has the record of the move. The tag is gone.
    pub(crate) fn end(self) {
        self.written.end();
    }

    /// Removes all that is written down about the move, since that was taken back.
    pub(crate) fn discard(self) {
        self.written.discard();
    }
}
