//! A cache of the descriptions of leaders: each is read once, however many namespaces the process leads.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use nicon_core::containers::Containers;
use nicon_core::{Process, Record, Result, Status};

use crate::answer::output;

/// The descriptions of processes, by PID.
pub(crate) struct Descriptions<'a> {
    names: Option<&'a Containers>,
    known: HashMap<i32, Record>,
}

impl<'a> Descriptions<'a> {
    /// None yet. Containers are called as in `names`.
    pub(crate) fn new(names: Option<&'a Containers>) -> Self {
        Self { names, known: HashMap::new() }
    }

    /// The description of the process that has a PID, or `None` if it is gone.
    ///
    /// # Errors
    /// If it may not be inspected.
    pub(crate) fn at(&mut self, pid: i32) -> Result<Option<&Record>> {
        self.get(pid, |names| output::describe(&Process::pin(pid)?, names))
    }

    /// The description of a pinned process, or `None` if it is gone.
    ///
    /// # Errors
    /// As [`Descriptions::at`].
    pub(crate) fn of(&mut self, process: &Process) -> Result<Option<&Record>> {
        self.get(process.pid(), |names| output::describe(process, names))
    }

    fn get(
        &mut self,
        pid: i32,
        describe: impl FnOnce(Option<&Containers>) -> Result<Record>,
    ) -> Result<Option<&Record>> {
        match self.known.entry(pid) {
            Entry::Occupied(cached) => Ok(Some(cached.into_mut())),
            Entry::Vacant(entry) => match describe(self.names) {
                Ok(description) => Ok(Some(entry.insert(description))),
                Err(error) if error.status() == Status::No => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}
