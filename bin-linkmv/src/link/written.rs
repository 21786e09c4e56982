//! What is written down about a link before a run changes it: its journal, and how it was before its plan changed it.

use nicon_core::Result;

use crate::link::journal::{Journal, Journals};
use crate::link::kept::{Keeper, NewlyKept};
use crate::link::undo::Undo;

/// What is written down about one link.
pub(crate) struct Written {
    pub(crate) journal: Journal,
    /// What was written for its plan.
    kept: Option<NewlyKept>,
}

impl Written {
    /// A journal, and nothing for any plan.
    pub(crate) fn of(journal: Journal) -> Self {
        Self { journal, kept: None }
    }

    /// A journal, and for the `plan`, if there is one, how the link was: see [`Keeper::keep`].
    ///
    /// # Errors
    /// If it cannot be written. The journal is as it was.
    pub(crate) fn keep(journal: Journal, journals: &Journals<'_>, plan: Option<&str>, undo: &Undo) -> Result<Self> {
        let kept = plan.zip(Keeper::of(journals)).map(|(plan, keeper)| keeper.keep(plan, undo));
        Ok(Self { journal, kept: kept.transpose()?.flatten() })
    }

    /// Removes the journal: the change is complete, and somebody has its record.
    pub(crate) fn end(self) {
        self.journal.end();
    }

    /// Removes what was written for the plan, since nothing was changed. The journal, in which nothing was written, is as it was found.
    pub(crate) fn leave(self) {
        self.kept.into_iter().for_each(NewlyKept::discard);
    }

    /// Removes all of it: what was changed was taken back.
    pub(crate) fn discard(self) {
        self.kept.into_iter().for_each(NewlyKept::discard);
        self.journal.end();
    }
}
