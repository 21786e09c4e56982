//! The signals that are passed on to the command: all that a process can hold back.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nicon_core::{Context, Result};
use nix::sys::signal::SigAction;

use crate::sys;
use crate::sys::signal::{Siginfo, SignalSet};

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
