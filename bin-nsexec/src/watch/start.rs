//! Starting the command, from the session leader's side.
//!
//! ```text
//! session leader ┬ joiner: joins, gives up what the command must not have, takes the last step, and ends
//!                └ command: born of the last step, in the PID namespace that was joined
//! ```
//!
//! The command is a child of the session leader's all the same (`CLONE_PARENT` of `clone(2)`). It waits for the session leader's word before
//! it is executed, since only until then can it be given a process group.
//!
//! From its birth on the container may trace it, and say anything in its place: no word of it is taken for granted, or waited
//! for.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid};
use rustix::process::WaitOptions;

use super::child::{self, Change};
use super::signals::Signals;
use crate::entry::{Beginning, Entry};
use crate::failure::fail;
use crate::sys;

/// A start that is under way.
pub(crate) struct Start {
    joiner: Pid,
    birth: UnixStream,
    is_born: bool,
}

/// What happens during a start, in this order.
pub(crate) enum Progress {
    /// Nothing that means anything.
    Noise,
    /// The command was born, and waits for [`Start::release`].
    Born(Pid),
    /// It was executed, or has ended; or it was never born, and this is the exit status of the joiner.
    Over(u8),
}

impl Start {
    /// Starts the joiner. `signals` are those that the command gets back, `terminal` is one of its own.
    pub(crate) fn begin(entry: &Entry<'_>, signals: &Signals, terminal: Option<BorrowedFd<'_>>) -> Result<Self> {
        let (birth, far) = UnixStream::pair().context(|| "make a socket pair")?;
        let born = entry.birthplace().map(sys::fork_into);
        let is_in_birthplace = matches!(born, Some(Ok(_)));
        let forked = match born {
            Some(Ok(forked)) => forked,
            // The kernel is older, or does not permit it: the joiner moves itself.
            _ => sys::fork().context(|| "start a child")?,
        };
        match forked {
            ForkResult::Parent { child } => Ok(Self { joiner: child, birth, is_born: false }),
            ForkResult::Child => match die_with_parent().and_then(|()| entry.enter()) {
                Ok(filters) => {
                    let (filters, birth) = (filters.as_ref(), Some(far.as_fd()));
                    let last: Option<&dyn Fn() -> Result<()>> = Some(&|| tie(signals));
                    entry.become_command(&Beginning { filters, is_in_birthplace, terminal, last, birth })
                }
                Err(error) => sys::exit(fail(&error)),
            },
        }
    }

    /// What has happened, if there is something to be read.
    ///
    /// # Errors
    /// If the command was not born, or what was read does not come from the last step.
    pub(crate) fn next(&mut self) -> Result<Progress> {
        let mut word = [0; 8];
        match self.birth.read(&mut word) {
            Ok(0) => self.end(),
            Ok(_) if self.is_born => Ok(Progress::Noise),
            Ok(length) => {
                self.is_born = true;
                self.newborn(&word[..length]).map(Progress::Born)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Progress::Noise),
            Err(error) => Err(error).context(|| "wait for the start of the command"),
        }
    }

    /// The process whose PID the last step has sent: a child of ours. There is but one besides the joiner.
    fn newborn(&self, word: &[u8]) -> Result<Pid> {
        let pid = word.try_into().ok().map(|bytes| Pid::from_raw(i32::from_ne_bytes(bytes)));
        let is_childs = |pid: &Pid| *pid != self.joiner && pid.as_raw() > 0 && child::look(*pid).is_ok();
        pid.filter(is_childs).ok_or_else(|| Error::failed("start the command: the container has interfered"))
    }

    /// Both ends that are not ours are closed: the joiner is about to end, if it has not yet.
    fn end(&self) -> Result<Progress> {
        loop {
            match child::wait(self.joiner, WaitOptions::empty()) {
                Ok(Change::Exited(0)) if !self.is_born => {
                    return Err(Error::failed("start the command: it was not born"));
                }
                Ok(change) => return Ok(Progress::Over(change.status().unwrap_or_default())),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::os("wait for the start of the command", errno)),
            }
        }
    }

    /// Lets the command be executed.
    pub(crate) fn release(&mut self) {
        // The joiner has nothing left to do. If the command, in the same process group, reads from a terminal in the background,
        // the kernel stops them both, and the end of the joiner would not come.
        self.kill();
        // If it has ended meanwhile, that is noticed next.
        let _ = self.birth.write_all(&[0]);
    }

    /// Kills the joiner.
    pub(crate) fn kill(&self) {
        let _ = kill(self.joiner, Signal::SIGKILL);
    }
}

impl AsFd for Start {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.birth.as_fd()
    }
}

/// Has the joiner die with the session leader. The last step does the same for the command.
fn die_with_parent() -> Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL).context(|| "tie ourselves to our parent")
}

/// Done last: a change of the user has cleared what [`die_with_parent`] set, and the command has the caller's signals.
fn tie(signals: &Signals) -> Result<()> {
    die_with_parent()?;
    signals.give_back()
}
