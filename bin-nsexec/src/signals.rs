//! The signals that are passed on to the command.

use std::os::fd::{AsFd, BorrowedFd};

use nicon_core::{Doing, Result};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use crate::early::started::CallersSignals;
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

/// The set of those that are blocked: these to be read, and two by which a watcher would stop for touching a terminal that is
/// not its own (it looks first who owns it).
pub(crate) const HELD: u64 = READ | bit(Signal::SIGTTIN) | bit(Signal::SIGTTOU);

/// The set of those that are read: what is passed on, and SIGCHLD. The lowest signal in the lowest bit, as the kernel has it.
pub(crate) const READ: u64 = {
    let mut set = bit(Signal::SIGCHLD);
    let mut index = 0;
    while index < PASSED_ON.len() {
        set |= bit(PASSED_ON[index]);
        index += 1;
    }
    set
};

const fn bit(signal: Signal) -> u64 {
    1 << (signal as u32 - 1)
}

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
        let sigchld = sys::default_sigchld().doing(|| "have children waited for")?;
        let mut mask = SigSet::empty();
        let held = sys::signal_set(HELD);
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&held), Some(&mut mask)).doing(|| "block signals")?;
        Self::read_on(mask, sigchld)
    }

    /// Reads signals that were blocked before the C library started.
    pub(crate) fn taken(before: CallersSignals) -> Result<Self> {
        let handler = if before.ignores_sigchld { SigHandler::SigIgn } else { SigHandler::SigDfl };
        let sigchld = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
        Self::read_on(sys::signal_set(before.mask), sigchld)
    }

    fn read_on(mask: SigSet, sigchld: SigAction) -> Result<Self> {
        let fd = SignalFd::with_flags(&sys::signal_set(READ), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        Ok(Self { fd: fd.doing(|| "read signals")?, mask, sigchld })
    }

    /// The next one that is pending.
    pub(crate) fn next(&self) -> Result<Option<Received>> {
        loop {
            let Some(info) = self.fd.read_signal().doing(|| "read signals")? else {
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
        sys::restore_sigchld(&self.sigchld).doing(|| "restore SIGCHLD")?;
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.mask), None).doing(|| "restore the signal mask")
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
