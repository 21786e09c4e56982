//! Engines that do not answer.

use std::os::fd::{AsRawFd, OwnedFd};

use libtest_mimic::Failed;
use nicon_lab::{until, witness};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::unistd::Pid;

/// A process of which no thread runs any more; it goes on when this is dropped.
pub(crate) struct Stopped(Pid);

impl Stopped {
    pub(crate) fn new(pid: u32) -> Result<Self, Failed> {
        let stopped = Self(Pid::from_raw(i32::try_from(pid)?));
        kill(stopped.0, Signal::SIGSTOP)?;
        until("the daemon stops", || witness::is_stopped(pid).then_some(()));
        Ok(stopped)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

/// Connects until nobody can be let in any more.
pub(crate) fn fill(path: &str) -> Result<Vec<OwnedFd>, Failed> {
    let mut queue = Vec::new();
    loop {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        match connect(stream.as_raw_fd(), &UnixAddr::new(path)?) {
            Ok(()) => queue.push(stream),
            Err(Errno::EAGAIN) => return Ok(queue),
            Err(errno) => return Err(errno.into()),
        }
    }
}
