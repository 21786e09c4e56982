//! What a search finds, in the order of paths, for as long as that holds nobody up.

use nicon_core::Result;
use nicon_core::natural::compare_paths;

use crate::resolve::hit::Hit;

/// Keeps containers until they are to be given: together, in order, or from some moment on as they come.
pub(crate) struct InOrder<Give> {
    give: Give,
    kept: Vec<Hit>,
    waits: bool,
}

impl<Give: FnMut(Result<Hit>) -> Result<()>> InOrder<Give> {
    /// Nothing yet.
    pub(crate) fn new(give: Give) -> Self {
        Self { give, kept: Vec::new(), waits: true }
    }

    /// Takes a container, or gives a failure.
    ///
    /// # Errors
    /// Those of `give`.
    pub(crate) fn take(&mut self, hit: Result<Hit>) -> Result<()> {
        match hit {
            Ok(hit) if self.waits => {
                self.kept.push(hit);
                Ok(())
            }
            hit => (self.give)(hit),
        }
    }

    /// Gives what it has, in order, and from now on what comes.
    ///
    /// # Errors
    /// Those of `give`.
    pub(crate) fn wait_no_longer(&mut self) -> Result<()> {
        self.waits = false;
        self.kept.sort_unstable_by(|a, b| compare_paths(&a.path, &b.path));
        self.kept.drain(..).try_for_each(|hit| (self.give)(Ok(hit)))
    }
}
