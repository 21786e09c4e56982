//! Identifies the process that writes to us through a unix socket.

use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;

use crate::sys;
use crate::{Error, Process, Result};

/// As what a process wrote to a socket, as the kernel recorded it at that moment; see `SCM_CREDENTIALS` of `unix(7)`. Whoever is root in
/// the namespaces of the writer may have named another process or user of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// In our own PID namespace; 0 if it is outside.
    pub pid: i32,
    /// The real user ID, in our own user namespace.
    pub uid: u32,
}

/// Asks the kernel to record who writes what is received: `SO_PASSCRED` of `unix(7)`. It does so only for what is written from now on, so
/// call this before `connect(2)`. From then on a single read returns nothing that several processes or users wrote.
///
/// # Errors
/// Those of `setsockopt(2)`.
pub fn ask_who_writes(socket: impl AsFd) -> io::Result<()> {
    Ok(sys::pass_credentials(socket)?)
}

/// Who wrote what the next read returns, all of which is left in the socket. `None` at the end of the stream. If it was written before
/// [`ask_who_writes`], it is as if somebody outside our PID namespace had written it.
///
/// The process that listens need not be the one that writes: systemd, for one, listens and passes its socket on.
///
/// # Errors
/// EAGAIN if there is nothing to be read yet, and EPROTO if descriptors come with it.
pub fn who_writes(socket: impl AsFd) -> io::Result<Option<Credentials>> {
    let credentials = sys::peek_credentials(socket)?;
    Ok(credentials.map(|libc::ucred { pid, uid, .. }| Credentials { pid, uid }))
}

/// Pins the process that wrote what the next read returns, of which [`who_writes`] has told the `pid`. Before Linux 6.5 there is only that,
/// which may have been reused.
///
/// # Errors
/// If it is gone, or outside our PID namespace.
pub fn pin_writer(socket: impl AsFd, pid: i32) -> Result<Process> {
    if pid == 0 {
        return Err(Error::failed(Process::OUTSIDE));
    }
    match sys::peek_pidfd(socket) {
        Ok(Some(pidfd)) => Process::from_pidfd(pidfd),
        Ok(None) => Err(Error::no(format!("process {pid} is gone"))),
        Err(Errno::ENOPROTOOPT) => Process::pin(pid),
        Err(errno) => Err(Error::os("read who writes to a socket", errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{IoSlice, Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::{UnixListener, UnixStream};

    use nix::sys::socket::{
        AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, sendmsg, socket,
    };

    /// Both ends of a connection, of which the first knows who writes.
    fn connected(name: &str) -> (UnixStream, UnixStream) {
        let place = std::env::temp_dir().join(format!("nicon-peer-{name}-{}", std::process::id()));
        let listener = UnixListener::bind(&place).unwrap();
        let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).unwrap();
        ask_who_writes(&socket).unwrap();
        connect(socket.as_raw_fd(), &UnixAddr::new(&place).unwrap()).unwrap();
        std::fs::remove_file(&place).unwrap();
        (UnixStream::from(socket), listener.accept().unwrap().0)
    }

    #[test]
    fn the_writer_is_identified_without_reading() {
        let (mut stream, mut other) = connected("writer");
        assert_eq!(who_writes(&stream).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        other.write_all(b"hello").unwrap();
        let myself = nix::unistd::getpid().as_raw();
        for _ in 0..2 {
            let uid = nix::unistd::getuid().as_raw();
            assert_eq!(who_writes(&stream).unwrap(), Some(Credentials { pid: myself, uid }));
            let process = pin_writer(&stream, myself).unwrap();
            assert!(process.is(&Process::myself().unwrap()));
        }
        assert!(pin_writer(&stream, 0).is_err(), "outside");
        drop(other);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        assert_eq!(who_writes(&stream).unwrap(), None, "the end");
    }

    #[test]
    fn descriptors_are_not_received() {
        let (stream, other) = connected("descriptors");
        let file = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_link(entry.unwrap().path()).ok();
        let own = std::fs::read_link(format!("/proc/self/fd/{}", other.as_raw_fd())).unwrap();
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().filter_map(file).filter(|file| *file == own).count();
        let sent = [other.as_raw_fd(); 3];
        let sent = [ControlMessage::ScmRights(&sent)];
        sendmsg::<()>(other.as_raw_fd(), &[IoSlice::new(b"x")], &sent, MsgFlags::empty(), None).unwrap();
        assert_eq!(who_writes(&stream).unwrap_err().raw_os_error(), Some(libc::EPROTO));
        assert_eq!(open(), 1);
    }
}
