//! A command that was started before the C library was, and what the process that starts it now is to that command.

use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use nix::unistd::Pid;

/// What this process is.
pub(crate) enum Started {
    /// The watcher of this keeper.
    Watcher { keeper: Pid, link: UnixStream, signals: CallersSignals },
    /// The keeper of this child.
    Keeper { child: Pid, link: UnixStream },
}

/// How the caller had the signals that are held up since.
#[derive(Clone, Copy, Default)]
pub(crate) struct CallersSignals {
    /// The signals that were blocked, the lowest in the lowest bit.
    pub(crate) mask: u64,
    pub(crate) ignores_sigchld: bool,
}

// Numbers, since they are written before there are allocation and thread-local storage. A PID of 0 is none.
static KEEPER: AtomicI32 = AtomicI32::new(0);
static CHILD: AtomicI32 = AtomicI32::new(0);
static LINK: AtomicI32 = AtomicI32::new(0);
static MASK: AtomicU64 = AtomicU64::new(0);
static IGNORES_SIGCHLD: AtomicBool = AtomicBool::new(false);

impl Started {
    /// What the guarded step has left; the second time nothing.
    pub(crate) fn take() -> Option<Self> {
        let process = |pid: &AtomicI32| Some(pid.swap(0, Ordering::Relaxed)).filter(|pid| *pid != 0).map(Pid::from_raw);
        // SAFETY: the guarded step opened the descriptor, and the PIDs are set only once: it is handed over only once.
        let link = || UnixStream::from(unsafe { OwnedFd::from_raw_fd(LINK.load(Ordering::Relaxed)) });
        if let Some(child) = process(&CHILD) {
            return Some(Self::Keeper { child, link: link() });
        }
        let signals = CallersSignals {
            mask: MASK.load(Ordering::Relaxed),
            ignores_sigchld: IGNORES_SIGCHLD.load(Ordering::Relaxed),
        };
        process(&KEEPER).map(|keeper| Self::Watcher { keeper, link: link(), signals })
    }
}

#[cfg(target_arch = "x86_64")]
mod leave {
    use super::{CHILD, IGNORES_SIGCHLD, KEEPER, LINK, MASK};
    use crate::early::process::Signals;
    use crate::early::system::Socket;
    use std::sync::atomic::Ordering::Relaxed;

    /// Has the program go on as the watcher of a keeper.
    pub(crate) fn watcher(keeper: i32, link: &Socket, signals: &Signals) {
        MASK.store(signals.mask, Relaxed);
        IGNORES_SIGCHLD.store(signals.sigchld[0] == libc::SIG_IGN, Relaxed);
        LINK.store(link.0, Relaxed);
        KEEPER.store(keeper, Relaxed);
    }

    /// Has the program go on as the keeper of a child.
    pub(crate) fn keeper(child: i32, link: &Socket) {
        LINK.store(link.0, Relaxed);
        CHILD.store(child, Relaxed);
    }
}
#[cfg(target_arch = "x86_64")]
pub(crate) use leave::{keeper, watcher};
