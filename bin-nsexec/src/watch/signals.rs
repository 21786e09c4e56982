//! The signals that are passed on to the command: all that a process can hold back.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nicon_core::{Context, Result};
use nix::sys::signal::{SigAction, Signal};

use crate::sys;
use crate::sys::signal::{Siginfo, SignalSet, is_ignored};

/// The signals that ask us to end.
const ASK_TO_END: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// Whether a signal asks us to end. What the caller has us ignore (`nohup`) does not.
pub(super) fn asks_to_end(number: i32) -> bool {
    ASK_TO_END.into_iter().any(|signal| signal as i32 == number) && !is_ignored(number)
}

/// Signals that are blocked for us to read, and the caller's mask and action.
pub(crate) struct Signals {
    fd: OwnedFd,
    mask: SignalSet,
    sigchld: SigAction,
}

/// One that was read.
#[derive(Clone, Copy)]
pub(crate) struct Received {
    pub(crate) number: i32,
    /// Whether the kernel sent it, as it does for the keys of a terminal: to all of its foreground process group.
    pub(crate) is_kernels: bool,
}

impl Signals {
    /// Takes them. Across a fork both processes have them, each its own.
    pub(crate) fn take() -> Result<Self> {
        let sigchld = sys::signal::default_sigchld().context(|| "set SIGCHLD")?;
        let mask = sys::signal::block(SignalSet::ALL).context(|| "block signals")?;
        let fd = sys::signal::signalfd(SignalSet::ALL).context(|| "read signals")?;
        Ok(Self { fd, mask, sigchld })
    }

    /// The next one that is pending.
    pub(crate) fn next(&self) -> Result<Option<Received>> {
        let read = sys::signal::read(&self.fd).context(|| "read signals")?;
        Ok(read.map(|Siginfo { number, code }| Received { number, is_kernels: code == libc::SI_KERNEL }))
    }

    /// Can be read from once one is pending that asks us to end. It stays pending, as the others do.
    pub(crate) fn requests_to_end() -> Result<OwnedFd> {
        let asking = ASK_TO_END.into_iter().map(|signal| signal as i32).filter(|number| asks_to_end(*number));
        let set = asking.map(SignalSet::of).fold(SignalSet::NONE, |all, signal| all | signal);
        sys::signal::signalfd(set).context(|| "read signals")
    }

    /// Restores the caller's mask and action.
    pub(crate) fn give_back(&self) -> Result<()> {
        sys::signal::restore_sigchld(&self.sigchld).context(|| "restore SIGCHLD")?;
        sys::signal::set_mask(self.mask).context(|| "restore the signal mask")
    }
}

/// Whatever has failed, what is run next has the caller's. The session leader, which runs nothing else, has a reference: what is
/// pending there would strike before it ends by itself.
impl Drop for Signals {
    fn drop(&mut self) {
        let _ = self.give_back();
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
