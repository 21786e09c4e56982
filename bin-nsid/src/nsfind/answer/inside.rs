//! The processes of containers, and the namespaces that these are in.

use std::collections::HashSet;
use std::ops::ControlFlow;

use nicon_core::containers::Containers;
use nicon_core::walk::walk;
use nicon_core::{NsType, Process, Result, Status};

use crate::holding::holders::Holders;

/// What is inside some containers.
#[derive(Default)]
pub(crate) struct Inside {
    namespaces: HashSet<u64>,
    pids: HashSet<i32>,
}

impl Inside {
    /// Finds the processes in the containers, and in the containers in these.
    ///
    /// # Errors
    /// If /proc cannot be read. A process that exits is skipped.
    pub(crate) fn find(containers: &Containers, types: &[NsType]) -> Result<Self> {
        let mut inside = Self::default();
        walk(|entry| {
            match Process::pin(entry.pid()).and_then(|process| Ok(containers.of(&process)?.is_some())) {
                Ok(true) => {}
                Ok(false) => return Ok(ControlFlow::Continue(())),
                Err(error) if error.status() == Status::No => return Ok(ControlFlow::Continue(())),
                Err(error) => return Err(error),
            }
            inside.pids.insert(entry.pid());
            // The walk that counts tells of those that may not be inspected.
            let _ = entry.namespaces(types, |_, ino| {
                inside.namespaces.insert(ino);
            });
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(inside)
    }

    /// Whether one of the processes is in a namespace, or holds it.
    pub(crate) fn covers(&self, ino: u64, holders: Option<&Holders>) -> bool {
        let holds = |holders: &Holders| holders.pids(ino).any(|pid| self.pids.contains(&pid));
        self.namespaces.contains(&ino) || holders.is_some_and(holds)
    }
}
