//! The end of a move: its mark and its journal go.

use std::rc::Rc;

use nicon_core::Result;
use nicon_rtnl::{Link, NetnsHandle};

use crate::link::find::tagged;
use crate::link::journal::Journal;
use crate::link::namespaces::Namespaces;
use crate::moving::job::{Job, Options};
use crate::moving::transfer::remove_tag;

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
    pub(crate) fn new(job: &Job<'_>, (tag, inode): (&str, Option<u64>), journal: Journal) -> Self {
        Self { places: [job.to.clone(), job.from.netns.clone()], tag: tag.to_owned(), inode, journal }
    }

    /// Ends it now, unless the run ends all of its moves together.
    ///
    /// # Errors
    /// As [`Ending::end`].
    pub(crate) fn unless_later(self, options: &Options<'_>) -> Result<Option<Self>> {
        if options.all_or_nothing { Ok(Some(self)) } else { self.end(options.namespaces).map(|()| None) }
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
        match self.inode.map_or(Ok(None), |inode| namespaces.find_link(inode))? {
            Some((netns, link)) => self.remove(&netns, &link),
            None => {
                self.journal.end();
                Ok(())
            }
        }
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
