//! Terminals: what rustix lacks of `ioctl_tty(2)`.

use std::os::fd::{AsFd, AsRawFd};

mod ioctl {
    nix::ioctl_write_ptr_bad!(tiocsti, libc::TIOCSTI, u8);
}

/// Puts a byte into what a terminal has to be read, as if it had been typed. Since Linux 6.2 it may take `CAP_SYS_ADMIN`
/// (`dev.tty.legacy_tiocsti`).
pub(crate) fn type_byte(terminal: impl AsFd, byte: u8) -> nix::Result<()> {
    // SAFETY: the descriptor is open for the time of the call, which reads one byte.
    unsafe { ioctl::tiocsti(terminal.as_fd().as_raw_fd(), &raw const byte) }.map(drop)
}
