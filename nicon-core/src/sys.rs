//! The system calls that nix lacks. The only file of the filters with `unsafe` in it.
#![allow(unsafe_code, reason = "these calls have no safe wrapper in nix")]

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;

/// The magic number of ioctls on nsfs, from linux/nsfs.h.
const NSIO: u8 = 0xb7;

mod ioctl {
    use super::NSIO;
    nix::ioctl_none!(ns_get_parent, NSIO, 0x2);
    nix::ioctl_write_int_bad!(ns_get_tgid_from_pidns, nix::request_code_read!(NSIO, 0x7, size_of::<libc::c_int>()));
}

/// Opens a pidfd: `pidfd_open(2)`, Linux 5.3. Fails with ESRCH where there is no such process.
pub(crate) fn pidfd_open(pid: i32) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes plain numbers; a result that is not an error is a descriptor that only we own.
    unsafe {
        let fd = Errno::result(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
        let fd = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// The parent of a PID or user namespace: `ioctl_ns(2)`, Linux 4.9. Fails with EPERM where it is outside of the
/// caller's own namespaces.
pub(crate) fn ns_get_parent(ns: impl AsFd) -> nix::Result<OwnedFd> {
    // SAFETY: the descriptor is open for the time of the call; the result is a descriptor that only we own.
    unsafe { ioctl::ns_get_parent(ns.as_fd().as_raw_fd()).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

/// Translates a PID of `pidns` to the caller's PID namespace: `NS_GET_TGID_FROM_PIDNS` of linux/nsfs.h, Linux 6.11
/// (kernel commit ca567df74a28). Fails with ESRCH where there is no such process, ENOTTY on an older kernel.
pub(crate) fn ns_get_tgid_from_pidns(pidns: impl AsFd, pid: i32) -> nix::Result<i32> {
    // SAFETY: the descriptor is open for the time of the call, and the argument is a plain number.
    unsafe { ioctl::ns_get_tgid_from_pidns(pidns.as_fd().as_raw_fd(), pid) }
}

static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether the program was started without a standard output.
///
/// Rust's start-up code opens /dev/null in its place, and answers would vanish without a word, so that this must be
/// found out before that code runs.
pub(crate) fn stdout_was_closed() -> bool {
    STDOUT_WAS_CLOSED.load(Ordering::Relaxed)
}

/// The C library calls the functions of `.init_array` before `main`, and so before Rust's own start-up code.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_AT_STDOUT: extern "C" fn() = {
    extern "C" fn look() {
        // SAFETY: F_GETFD on a number touches no memory; on a closed descriptor it fails with EBADF.
        let closed = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } == -1;
        STDOUT_WAS_CLOSED.store(closed, Ordering::Relaxed);
    }
    look
};
