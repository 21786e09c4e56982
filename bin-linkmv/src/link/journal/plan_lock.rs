//! The lock of a run that has a plan for as long as it lives, as the one that keeps it wired: others need not wait for it in vain.

use std::fs::TryLockError;
use std::time::Duration;

use nicon_core::{Context, Error, Result};

use super::{Journal, Journals, lock};

/// How long the run that has a plan is waited for by one that is to take its place: it may be ending.
const PATIENCE: Duration = Duration::from_secs(1);

impl Journals<'_> {
    /// Locks a plan for as long as the result lives.
    ///
    /// # Errors
    /// If another run has locked it, or the lock cannot be written.
    pub(crate) fn lock_plan(&self, plan: &str) -> Result<Journal> {
        let options = lock::Options { patience: PATIENCE, ..self.lock };
        self.locked(&name(plan), &options)
    }

    /// Who has locked a plan, if anybody has.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub(crate) fn locked_by(&self, plan: &str) -> Result<Option<String>> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let name = name(plan);
        let Some(file) = directory.find_file(&name)? else { return Ok(None) };
        let path = directory.path().join(&name);
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                lock::who_holds(&file).context(|| format!("find out who holds {}", path.display())).map(Some)
            }
            Err(TryLockError::Error(error)) => Err(Error::os(format!("lock {}", path.display()), error)),
        }
    }
}

/// The name of its file.
fn name(plan: &str) -> String {
    format!("keep.{plan}")
}
