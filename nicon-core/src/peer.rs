//! Identifies the process that writes to us through a unix socket.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::sys;

/// Asks the kernel to record the writer of what is received: `SO_PASSPIDFD` of `unix(7)`. It does so only for what is
/// written from now on, so call this before `connect(2)`.
///
/// # Errors
/// ENOPROTOOPT before Linux 6.5.
pub fn ask_who_writes(socket: impl AsFd) -> io::Result<()> {
    Ok(sys::pass_pidfd(socket)?)
}

/// The pidfd of the process that wrote the next bytes, which are left in the socket. `None` at the end of the stream, and
/// if they were written before [`ask_who_writes`].
///
/// The process that listens need not be the one that writes: systemd, for one, listens and passes its socket on.
///
/// # Errors
/// EAGAIN if there is nothing to be read yet.
pub fn who_wrote(socket: impl AsFd) -> io::Result<Option<OwnedFd>> {
    Ok(sys::peek_writer(socket)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Process;
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
        let asked = ask_who_writes(&socket);
        let address = nix::sys::socket::UnixAddr::new(&place).unwrap();
        nix::sys::socket::connect(std::os::fd::AsRawFd::as_raw_fd(&socket), &address).unwrap();
        std::fs::remove_file(&place).unwrap();
        let mut stream = UnixStream::from(socket);
        assert_eq!(who_wrote(&stream).unwrap_err().kind(), io::ErrorKind::WouldBlock);

        let (mut other, _) = listener.accept().unwrap();
        other.write_all(b"hello").unwrap();
        match asked {
            Ok(()) => {
                let writer = Process::from_pidfd(who_wrote(&stream).unwrap().unwrap()).unwrap();
                assert_eq!(writer.pid(), nix::unistd::getpid().as_raw());
            }
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ENOPROTOOPT)),
        }
        drop(other);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        assert!(who_wrote(&stream).unwrap().is_none(), "the end");
    }
}
