//! Identifies the process that writes to us through a unix socket.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;

use crate::sys;
use crate::{Error, Process, Result};

/// The process that wrote to a socket.
#[derive(Debug)]
pub struct Writer {
    /// Since Linux 6.5.
    pidfd: Option<OwnedFd>,
    /// In our own PID namespace; 0 if it is outside.
    pid: i32,
    /// The real user ID that it had when it wrote, in our own user namespace. See `SCM_CREDENTIALS` of `unix(7)`: who is root there may
    /// have named another user of that namespace.
    pub uid: u32,
}

impl Writer {
    /// Pins it. Before Linux 6.5 there is only its PID, which may have been reused.
    ///
    /// # Errors
    /// If it is gone, or outside our PID namespace.
    pub fn pin(self) -> Result<Process> {
        match (self.pidfd, self.pid) {
            (Some(pidfd), _) => Process::from_pidfd(pidfd),
            (None, 0) => Err(Error::failed(Process::OUTSIDE)),
            (None, pid) => Process::pin(pid),
        }
    }

    /// Whether it is this process; `false` if the kernel cannot tell.
    #[must_use]
    pub fn is(&self, process: &Process) -> bool {
        let inode = |pidfd| nix::sys::stat::fstat(pidfd).ok().map(|stat| stat.st_ino);
        match &self.pidfd {
            Some(pidfd) => process.pidfs().ok().flatten().is_some_and(|own| inode(pidfd) == Some(own)),
            None => self.pid == process.pid(),
        }
    }
}

/// Asks the kernel to record the writer of what is received: `SO_PASSCRED` and `SO_PASSPIDFD` of `unix(7)`. It does so only for what is
/// written from now on, so call this before `connect(2)`.
///
/// # Errors
/// Those of `setsockopt(2)`.
pub fn ask_who_writes(socket: impl AsFd) -> io::Result<()> {
    sys::pass_credentials(&socket)?;
    match sys::pass_pidfd(socket) {
        Err(Errno::ENOPROTOOPT) => Ok(()),
        asked => Ok(asked?),
    }
}

/// The process that wrote the next bytes, which are left in the socket. `None` at the end of the stream. If they were written before
/// [`ask_who_writes`], it is as if somebody outside our PID namespace had written them.
///
/// The process that listens need not be the one that writes: systemd, for one, listens and passes its socket on.
///
/// # Errors
/// EAGAIN if there is nothing to be read yet.
pub fn who_wrote(socket: impl AsFd) -> io::Result<Option<Writer>> {
    let Some(sys::Writer { pidfd, credentials }) = sys::peek_writer(socket)? else { return Ok(None) };
    Ok(credentials.map(|libc::ucred { pid, uid, .. }| Writer { pidfd, pid, uid }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn the_writer_is_identified_without_reading() {
        let place = std::env::temp_dir().join(format!("nicon-peer-{}", std::process::id()));
        let listener = UnixListener::bind(&place).unwrap();
        let socket = nix::sys::socket::socket(
            nix::sys::socket::AddressFamily::Unix,
            nix::sys::socket::SockType::Stream,
            nix::sys::socket::SockFlag::empty(),
            None,
        )
        .unwrap();
        ask_who_writes(&socket).unwrap();
        let address = nix::sys::socket::UnixAddr::new(&place).unwrap();
        nix::sys::socket::connect(std::os::fd::AsRawFd::as_raw_fd(&socket), &address).unwrap();
        std::fs::remove_file(&place).unwrap();
        let mut stream = UnixStream::from(socket);
        assert_eq!(who_wrote(&stream).unwrap_err().kind(), io::ErrorKind::WouldBlock);

        let (mut other, _) = listener.accept().unwrap();
        other.write_all(b"hello").unwrap();
        let who = || who_wrote(&stream).unwrap().unwrap();
        assert_eq!((who().uid, who().pid), (nix::unistd::getuid().as_raw(), nix::unistd::getpid().as_raw()));
        assert_eq!(who().pin().unwrap().pid(), nix::unistd::getpid().as_raw());
        // As before Linux 6.5.
        let by_pid = Writer { pidfd: None, ..who() };
        assert!(by_pid.is(&Process::myself().unwrap()));
        assert_eq!(by_pid.pin().unwrap().pid(), nix::unistd::getpid().as_raw());
        assert!(Writer { pidfd: None, pid: 0, uid: 0 }.pin().is_err(), "outside");
        drop(other);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        assert!(who_wrote(&stream).unwrap().is_none(), "the end");
    }
}
