//! Who writes to us through a unix socket.

use std::os::fd::{AsFd, OwnedFd};

use crate::sys;

/// Asks the kernel to say who writes. It is told of what is written from now on, so that this comes before `connect(2)`:
/// `SO_PASSPIDFD` of `unix(7)`.
///
/// # Errors
/// ENOPROTOOPT before Linux 6.5.
pub fn ask_who_writes(socket: impl AsFd) -> nix::Result<()> {
    sys::pass_pidfd(socket)
}

/// The pidfd of the process that wrote what can be read next, without reading it. `None` where nobody did (the stream has
/// ended), and where the kernel was not asked in time.
///
/// The process that listens need not be the one that answers: it may have handed its socket on, as systemd does.
///
/// # Errors
/// EAGAIN where there is nothing to be read yet.
pub fn who_wrote(socket: impl AsFd) -> nix::Result<Option<OwnedFd>> {
    sys::peek_writer(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Process;
    use nix::errno::Errno;
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn the_writer_is_told_and_the_text_is_left() {
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
        assert_eq!(who_wrote(&stream).unwrap_err(), Errno::EAGAIN);

        let (mut other, _) = listener.accept().unwrap();
        other.write_all(b"hello").unwrap();
        match asked {
            Ok(()) => {
                let writer = Process::from_pidfd(who_wrote(&stream).unwrap().unwrap()).unwrap();
                assert_eq!(writer.pid(), nix::unistd::getpid().as_raw());
            }
            Err(errno) => assert_eq!(errno, Errno::ENOPROTOOPT),
        }
        drop(other);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        assert!(who_wrote(&stream).unwrap().is_none(), "the end");
    }
}
