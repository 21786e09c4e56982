//! Who is at the other end of a connection.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use nicon_core::{Doing, Error, Namespace, NsType, Process, Result, Status};
use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};

/// The process that listens, and the PID namespace in which its answers are to be read.
pub(crate) struct Daemon {
    pub(crate) process: Process,
    pub(crate) pidns: Namespace,
}

/// The process that called `listen(2)`, as the connection itself tells it; see `unix(7)`.
pub(crate) enum Listener {
    Pidfd(OwnedFd),
    /// Before Linux 6.5 there is only the PID. It may have been given away since; the container's own cgroup, which is
    /// looked at later, would then contradict what is translated with it.
    Pid(i32),
}

impl Listener {
    /// Asks the connection.
    pub(crate) fn of(stream: &UnixStream) -> Result<Self> {
        match getsockopt(stream, sockopt::PeerPidfd) {
            Ok(pidfd) => Ok(Self::Pidfd(pidfd)),
            Err(Errno::ENOPROTOOPT) => {
                let peer = getsockopt(stream, sockopt::PeerCredentials).doing(|| "ask who listens")?;
                Ok(Self::Pid(peer.pid()))
            }
            Err(Errno::ESRCH) => Err(gone("the process that listens has exited")),
            Err(errno) => Err(Error::os("ask who listens", errno)),
        }
    }
}

impl Daemon {
    /// Pins the listener and opens its PID namespace.
    pub(crate) fn new(listener: Listener) -> Result<Self> {
        let process = match listener {
            Listener::Pidfd(pidfd) => Process::from_pidfd(pidfd),
            Listener::Pid(0) => Err(Error::failed(Process::OUTSIDE)),
            Listener::Pid(pid) => Process::pin(pid),
        };
        let process = process.map_err(|error| match error.status() {
            Status::No => gone(&error.to_string()),
            _ => error,
        })?;
        let pidns = process.namespace(NsType::Pid)?;
        Ok(Self { process, pidns })
    }
}

/// A listener that is gone does not mean that the container is not there: it means that we cannot tell.
fn gone(why: &str) -> Error {
    Error::failed(format!("{why}, so that its PID namespace cannot be told (restart the engine)"))
}
