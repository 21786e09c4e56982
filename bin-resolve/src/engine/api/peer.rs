//! The process at the other end of a connection.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nicon_core::{Context, Error, Namespace, NsType, Process, Result, Status};
use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};

/// A process that listens or answers, and the PID namespace to which the PIDs in its answers belong.
pub(crate) struct Daemon {
    pub(crate) process: Arc<Process>,
    pub(crate) pidns: Namespace,
}

/// The process that called `listen(2)`, according to the connection itself; see `unix(7)`.
pub(crate) enum Listener {
    Pidfd(OwnedFd),
    /// Before Linux 6.5 there is only the PID. If that was reused, the PID namespace is wrong, and the later proof
    /// fails.
    Pid(i32),
    /// It has exited. Another process may hold its socket.
    Gone,
}

impl Listener {
    /// Reads it from the connection, with the user ID that it had when it called `listen(2)`.
    pub(crate) fn of(stream: &UnixStream) -> Result<(Self, u32)> {
        let pidfd = getsockopt(stream, sockopt::PeerPidfd);
        let peer = getsockopt(stream, sockopt::PeerCredentials).context(|| "read the peer of the socket")?;
        let listener = match pidfd {
            Ok(pidfd) => Self::Pidfd(pidfd),
            Err(Errno::ENOPROTOOPT) => Self::Pid(peer.pid()),
            Err(Errno::ESRCH | Errno::EINVAL) => Self::Gone,
            Err(errno) => return Err(Error::os("read the peer of the socket", errno)),
        };
        Ok((listener, peer.uid()))
    }

    /// Pins it.
    ///
    /// # Errors
    /// If it is gone, or outside our PID namespace.
    pub(crate) fn pin(self) -> Result<Process> {
        match self {
            Self::Pidfd(pidfd) => Process::from_pidfd(pidfd),
            Self::Pid(0) => Err(Error::failed(Process::OUTSIDE)),
            Self::Pid(pid) => Process::pin(pid),
            Self::Gone => Err(Error::no("the process that listens has exited")),
        }
    }
}

impl Daemon {
    /// Pins the listener and opens its PID namespace.
    pub(crate) fn listening(listener: Listener) -> Result<Self> {
        Self::new(listener.pin())
    }

    /// Opens the PID namespace of a process, if it could be pinned.
    pub(crate) fn new(process: Result<Process>) -> Result<Self> {
        // Without the listener, whether the container exists is unknown, so this is not a "no".
        let gone = |error: Error| match error.status() {
            Status::No => {
                Error::failed(format!("{error}, so its PID namespace is unknown (is it a proxy? restart the engine)"))
            }
            _ => error,
        };
        let process = process.map_err(gone)?;
        let pidns = process.namespace(NsType::Pid).map_err(gone)?;
        Ok(Self { process: Arc::new(process), pidns })
    }
}
