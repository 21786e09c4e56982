//! The signals that are passed on to the command.

use std::os::fd::{AsFd, BorrowedFd};

use nicon_core::{Context, Result};
use nix::sys::signal::{SigAction, SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use crate::sys;

/// The signals that are passed on to the command.
const PASSED_ON: [Signal; 9] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGTSTP,
    Signal::SIGCONT,
];

/// Blocked as well: two by which a supervisor would stop for touching a terminal that is not its own. It looks first who owns it.
const HELD_BACK: [Signal; 2] = [Signal::SIGTTIN, Signal::SIGTTOU];

/// Signals that are blocked for us to read, and the caller's mask and action.
pub(crate) struct Signals {
    fd: SignalFd,
    mask: SigSet,
    sigchld: SigAction,
}

/// One that was read.
pub(crate) struct Received {
    pub(crate) signal: Signal,
    /// Whether the kernel sent it, as it does for the keys of a terminal: to all of its foreground process group.
    pub(crate) is_kernels: bool,
    /// The process that sent it with [`sys::sigqueue`], and the number that went with it.
    pub(crate) queued: Option<(Pid, i32)>,
}

impl Signals {
    /// Takes them. Across a fork both processes have them, each its own.
    pub(crate) fn take() -> Result<Self> {
        let sigchld = sys::default_sigchld().context(|| "have children waited for")?;
        let read: SigSet = PASSED_ON.into_iter().chain([Signal::SIGCHLD]).collect();
        let held: SigSet = read.iter().chain(HELD_BACK).collect();
        let mut mask = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&held), Some(&mut mask)).context(|| "block signals")?;
        let fd = SignalFd::with_flags(&read, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        Ok(Self { fd: fd.context(|| "read signals")?, mask, sigchld })
    }

    /// The next one that is pending.
    pub(crate) fn next(&self) -> Result<Option<Received>> {
        loop {
            let Some(info) = self.fd.read_signal().context(|| "read signals")? else {
                return Ok(None);
            };
            let Some(signal) = i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok())
            else {
                continue;
            };
            let is_queued = info.ssi_code == libc::SI_QUEUE;
            return Ok(Some(Received {
                signal,
                is_kernels: info.ssi_code == libc::SI_KERNEL,
                queued: is_queued.then(|| (Pid::from_raw(info.ssi_pid.cast_signed()), info.ssi_int)),
            }));
        }
    }

    /// Restores the caller's mask and action.
    pub(crate) fn give_back(&self) -> Result<()> {
        sys::restore_sigchld(&self.sigchld).context(|| "restore SIGCHLD")?;
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.mask), None).context(|| "restore the signal mask")
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
