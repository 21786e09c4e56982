//! Signals, by their numbers: nix and the C library leave out those of real time, or some of them.

use std::ffi::{c_int, c_long};
use std::os::fd::{AsFd, OwnedFd};
use std::ptr;

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::Pid;

use super::owned;

/// A set of signals as the kernel has it: bit N-1 stands for signal N.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SignalSet(u64);

/// Its size in bytes, which the kernel wants to be told.
const SIZE: usize = size_of::<SignalSet>();

impl SignalSet {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self(u64::MAX);

    pub(crate) fn of(number: c_int) -> Self {
        Self(1 << (number - 1))
    }

    /// Whether they have one in common.
    pub(crate) fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::ops::BitOr for SignalSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What is known of a signal that was read: see `signalfd(2)` and `sigaction(2)`.
pub(crate) struct Siginfo {
    pub(crate) number: c_int,
    pub(crate) code: c_int,
}

fn change_mask(how: c_int, set: SignalSet) -> nix::Result<SignalSet> {
    let mut old = SignalSet(0);
    // SAFETY: both are sets of the size that is told, for the kernel to read and to write.
    let done = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const set, &raw mut old, SIZE) };
    Errno::result(done).map(|_| old)
}

/// Blocks signals; returns the mask before. SIGKILL and SIGSTOP cannot be blocked, and the kernel leaves them out.
pub(crate) fn block(set: SignalSet) -> nix::Result<SignalSet> {
    change_mask(libc::SIG_BLOCK, set)
}

/// Lets signals through, and blocks them again. Those that were pending are delivered meanwhile.
pub(crate) fn let_through(set: SignalSet) -> nix::Result<()> {
    change_mask(libc::SIG_UNBLOCK, set)?;
    change_mask(libc::SIG_BLOCK, set).map(drop)
}

/// Sets the mask.
pub(crate) fn set_mask(mask: SignalSet) -> nix::Result<()> {
    change_mask(libc::SIG_SETMASK, mask).map(drop)
}

/// A descriptor from which blocked signals are read: `signalfd(2)`.
pub(crate) fn signalfd(set: SignalSet) -> nix::Result<OwnedFd> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the kernel reads a set of the size that is told.
    owned(unsafe { libc::syscall(libc::SYS_signalfd4, -1, &raw const set, SIZE, flags) })
}

/// The next signal of a [`signalfd`]; `None` if there is none.
pub(crate) fn read(fd: impl AsFd) -> nix::Result<Option<Siginfo>> {
    const LENGTH: usize = size_of::<libc::signalfd_siginfo>();
    let mut bytes = [0_u8; LENGTH];
    match nix::unistd::read(fd, &mut bytes) {
        Ok(LENGTH) => {
            // SAFETY: the kernel has filled in the whole structure, which is plain integers.
            let info = unsafe { ptr::read_unaligned(bytes.as_ptr().cast::<libc::signalfd_siginfo>()) };
            Ok(Some(Siginfo { number: info.ssi_signo.cast_signed(), code: info.ssi_code }))
        }
        Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// The blocked signals that wait for us: `sigpending(2)`.
pub(crate) fn pending() -> nix::Result<SignalSet> {
    let mut set = SignalSet(0);
    // SAFETY: the kernel writes a set of the size that is told.
    Errno::result(unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut set, SIZE) }).map(|_| set)
}

/// Takes one of these signals from those that are pending; whether there was one: `sigtimedwait(2)`.
pub(crate) fn take_pending(set: SignalSet) -> bool {
    let at_once: [c_long; 2] = [0; 2];
    // SAFETY: the kernel reads the set and a time of two numbers, and writes no information.
    let taken = unsafe {
        libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, ptr::null_mut::<u8>(), &raw const at_once, SIZE)
    };
    taken > 0
}

/// Sends a signal to a process; to a process group if the number is negative.
pub(crate) fn send(pid: Pid, number: c_int) -> nix::Result<()> {
    // SAFETY: the call takes plain numbers.
    Errno::result(unsafe { libc::kill(pid.as_raw(), number) }).map(drop)
}

/// Whether the caller has us ignore a signal.
pub(crate) fn is_ignored(number: c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: the kernel fills the structure in, if it knows the signal; otherwise it is not read.
    unsafe {
        libc::sigaction(number, ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Has children waited for even if the caller ignores SIGCHLD; returns the action before.
pub(crate) fn default_sigchld() -> nix::Result<SigAction> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs none of our code.
    unsafe { sigaction(Signal::SIGCHLD, &default) }
}

/// Restores what [`default_sigchld`] returned.
pub(crate) fn restore_sigchld(old: &SigAction) -> nix::Result<()> {
    // SAFETY: across an exec a disposition is the default or to ignore: neither runs code of ours.
    unsafe { sigaction(Signal::SIGCHLD, old) }.map(drop)
}
