//! A cache of the descriptions of leaders: each is read once, however many namespaces the process leads.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use nicon_core::{Process, Record, Result, Status};

use crate::output;

/// The descriptions of processes, by PID.
#[derive(Default)]
pub(crate) struct Descriptions(HashMap<i32, Record>);

impl Descriptions {
    /// The description of the process that has a PID, or `None` if it is gone.
    ///
    /// # Errors
    /// If it may not be inspected.
    pub(crate) fn at(&mut self, pid: i32) -> Result<Option<&Record>> {
        self.get(pid, || output::describe(&Process::pin(pid)?))
    }

    /// The description of a pinned process, or `None` if it is gone.
    ///
    /// # Errors
    /// As [`Descriptions::at`].
    pub(crate) fn of(&mut self, process: &Process) -> Result<Option<&Record>> {
        self.get(process.pid(), || output::describe(process))
    }

    fn get(&mut self, pid: i32, describe: impl FnOnce() -> Result<Record>) -> Result<Option<&Record>> {
        match self.0.entry(pid) {
            Entry::Occupied(cached) => Ok(Some(cached.into_mut())),
            Entry::Vacant(entry) => match describe() {
                Ok(description) => Ok(Some(entry.insert(description))),
                Err(error) if error.status() == Status::No => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}
