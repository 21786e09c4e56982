//! What is known of the processes that lead: each is looked at once, however many namespaces it leads.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use nicon_core::{Process, Record, Result, Status};

use crate::output;

/// What answers tell of some processes, by PID.
#[derive(Default)]
pub(crate) struct Known(HashMap<i32, Record>);

impl Known {
    /// What is told of the process that has a PID, or `None` where it is gone.
    ///
    /// # Errors
    /// Where it may not be looked at.
    pub(crate) fn at(&mut self, pid: i32) -> Result<Option<&Record>> {
        self.look(pid, || output::describe(&Process::pin(pid)?))
    }

    /// What is told of a pinned process, or `None` where it is gone.
    ///
    /// # Errors
    /// As [`Known::at`].
    pub(crate) fn of(&mut self, process: &Process) -> Result<Option<&Record>> {
        self.look(process.pid(), || output::describe(process))
    }

    fn look(&mut self, pid: i32, describe: impl FnOnce() -> Result<Record>) -> Result<Option<&Record>> {
        match self.0.entry(pid) {
            Entry::Occupied(known) => Ok(Some(known.into_mut())),
            Entry::Vacant(unknown) => match describe() {
                Ok(description) => Ok(Some(unknown.insert(description))),
                Err(error) if error.status() == Status::No => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}
