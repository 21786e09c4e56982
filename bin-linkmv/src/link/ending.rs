//! The end of a move: its mark and its journal go.

use std::rc::Rc;

use nicon_core::Result;
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::find::tagged;
use crate::link::journal::Journal;
use crate::link::namespaces::Namespaces;
use crate::link::tag::remove_tag;

/// What is left of a move that is complete. Until it is ended, the same command finds the link by it, and all that is known of
/// how it was.
pub(crate) struct Ending {
    /// Where the link may be: in its target, or at home again.
    places: [Rc<NetnsHandle>; 2],
    tag: String,
    inode: Option<u64>,
    journal: Journal,
}

impl Ending {
    /// What is left of the move of the link with a tag and an inode number, between its target and its home.
    pub(crate) fn new(places: [&Rc<NetnsHandle>; 2], (tag, inode): (&str, Option<u64>), journal: Journal) -> Self {
        Self { places: places.map(Rc::clone), tag: tag.to_owned(), inode, journal }
    }

    /// Ends it. A link that a later move of the run has brought elsewhere is looked for.
    ///
    /// # Errors
    /// If the mark cannot be removed. The journal stays then.
    pub(crate) fn end(self, namespaces: &Namespaces) -> Result<()> {
        for netns in self.places.clone() {
            if let Some(link) = tagged(&self.tag, self.inode, &netns)? {
                return self.remove(&netns, &link);
            }
        }
        if let Some((netns, link)) = self.inode.map_or(Ok(None), |inode| namespaces.find_link(inode))? {
            return self.remove(&netns, &link);
        }
        self.journal.end();
        Ok(())
    }

    /// Ends it if the link is home again: where it is not, its journal is all that is left of how it was.
    ///
    /// # Errors
    /// As [`Ending::end`].
    pub(crate) fn end_at_home(self) -> Result<()> {
        let [_, home] = &self.places;
        match tagged(&self.tag, self.inode, home)? {
            Some(link) => {
                let home = home.clone();
                self.remove(&home, &link)
            }
            None => Ok(()),
        }
    }

    fn remove(self, netns: &NetnsHandle, link: &Link) -> Result<()> {
        remove_tag(netns, link, &self.tag)?;
        self.journal.end();
        Ok(())
    }
}
