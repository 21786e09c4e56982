//! A connection to an engine, and who is at its other end.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nicon_core::{Doing, Error, Namespace, NsType, Process, Result};
use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};

use crate::socket::{self, Places};

/// A connected engine.
pub(crate) struct Connection {
    pub(crate) stream: UnixStream,
    /// The socket's path, as it is called inside the container.
    pub(crate) socket: PathBuf,
    pub(crate) daemon: Daemon,
}

/// The process that listens, and the PID namespace in which its answers are to be read.
pub(crate) struct Daemon {
    pub(crate) process: Process,
    pub(crate) pidns: Namespace,
}

/// Connects to the engine of `container` (or our own) and learns who listens there. Blocks.
pub(crate) fn connect(container: Option<&Process>, places: &Places) -> Result<Connection> {
    let (stream, socket) = socket::connect(container, places)?;
    let process = listener(&stream).map_err(|error| error.within(format!("who listens at {}", socket.display())))?;
    let pidns = process.namespace(NsType::Pid)?;
    Ok(Connection { stream, socket, daemon: Daemon { process, pidns } })
}

/// The process that called `listen(2)`, from the connection itself; see `unix(7)`.
fn listener(stream: &UnixStream) -> Result<Process> {
    match getsockopt(stream, sockopt::PeerPidfd) {
        Ok(pidfd) => Process::from_pidfd(pidfd).map_err(explain),
        // Before Linux 6.5 there is only the PID. It may have been given away since; the container's own cgroup, which
        // is looked at later, would then contradict what is translated with it.
        Err(Errno::ENOPROTOOPT) => {
            let peer = getsockopt(stream, sockopt::PeerCredentials).doing(|| "ask for the peer")?;
            match peer.pid() {
                0 => Err(Error::failed(Process::OUTSIDE)),
                pid => Process::pin(pid).map_err(explain),
            }
        }
        Err(Errno::ESRCH) => Err(explain(Error::no("the process has exited"))),
        Err(errno) => Err(Error::os("ask for the peer", errno)),
    }
}

/// A listener that is gone or unseen does not mean that the container is not there: it means that we cannot tell.
fn explain(error: Error) -> Error {
    match error.status() {
        nicon_core::Status::No => {
            Error::failed(format!("{error}, so that its PID namespace cannot be told (restart the engine)"))
        }
        _ => error,
    }
}
