//! The locks of runs that keep a plan for as long as they live: others need not wait for them in vain.

use std::fs::{File, TryLockError};
use std::time::Duration;

use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::{Journal, Journals, lock};

/// How long a run that keeps a plan is waited for by one that is to take its place: it may be ending.
const PATIENCE: Duration = Duration::from_secs(1);

impl Journals<'_> {
    /// Makes this the run that keeps a plan, as long as the result lives.
    ///
    /// # Errors
    /// If another run keeps it, or the lock cannot be written.
    pub(crate) fn keep(&self, plan: &str) -> Result<Journal> {
        let options = lock::Options { patience: PATIENCE, ..self.lock };
        self.locked(&name(plan), &options)
    }

    /// Who keeps a plan, if anybody does.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub(crate) fn keeper_of(&self, plan: &str) -> Result<Option<String>> {
        let Some((directory, path)) = &self.directory else { return Ok(None) };
        let (name, path) = (name(plan), path.join(name(plan)));
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = match openat(directory, name.as_str(), flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(Error::os(format!("open {}", path.display()), errno)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                lock::who_holds(&file).context(|| format!("find out who holds {}", path.display())).map(Some)
            }
            Err(TryLockError::Error(error)) => Err(Error::os(format!("lock {}", path.display()), error)),
        }
    }
}

fn name(plan: &str) -> String {
    format!("keep.{plan}")
}
