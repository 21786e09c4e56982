//! Daemons that systemd has started. When one ends, whoever connects to its socket waits for nobody, and has systemd start it again.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nicon_core::{Context, Process, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Those that a watch knows of.
#[derive(Default)]
pub(crate) struct Daemons(Mutex<Vec<Followed>>);

/// The daemons of one engine.
struct Followed {
    daemons: Vec<Process>,
    /// A connection over which they have answered, and nothing is asked any more: they close it when they cease to serve.
    idle: Option<OwnedFd>,
    /// Whether they are known to end.
    are_ending: bool,
}

/// Keeps some known until it is dropped.
pub(crate) struct Known<'a> {
    all: &'a Daemons,
    pids: Vec<i32>,
}

impl Daemons {
    /// Keeps the daemons of an engine known, and an idle connection to it.
    ///
    /// # Errors
    /// If the connection cannot be kept.
    pub(crate) fn know(&self, daemons: Vec<Process>, idle: Option<&UnixStream>) -> Result<Known<'_>> {
        let pids = daemons.iter().map(Process::pid).collect();
        let idle = idle.map(|idle| idle.try_clone().map(OwnedFd::from)).transpose();
        let idle = idle.context(|| "keep a connection")?;
        self.followed().push(Followed { daemons, idle, are_ending: false });
        Ok(Known { all: self, pids })
    }

    /// The PIDs of those that serve no more, and still run.
    pub(crate) fn ending(&self) -> Vec<i32> {
        let mut ending = Vec::new();
        for one in self.followed().iter_mut() {
            one.are_ending |= one.idle.as_ref().is_some_and(is_closed);
            let running = one.daemons.iter().filter(|daemon| one.are_ending && daemon.is_alive());
            ending.extend(running.map(Process::pid));
        }
        ending
    }

    fn followed(&self) -> MutexGuard<'_, Vec<Followed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known<'_> {
    /// They end, or are about to: nobody connects to what they hold.
    pub(crate) fn set_ending(&self) {
        self.all.followed().iter_mut().filter(|one| self.is_meant(one)).for_each(|one| one.are_ending = true);
    }

    fn is_meant(&self, one: &Followed) -> bool {
        one.daemons.iter().map(Process::pid).eq(self.pids.iter().copied())
    }
}

impl Drop for Known<'_> {
    fn drop(&mut self) {
        self.all.followed().retain(|one| !self.is_meant(one));
    }
}

/// Whether the other end has closed a connection, whatever it has said before.
fn is_closed(idle: &OwnedFd) -> bool {
    let mut looked = [PollFd::new(idle.as_fd(), PollFlags::POLLHUP)];
    poll(&mut looked, PollTimeout::ZERO).is_ok_and(|closed| closed > 0)
}
