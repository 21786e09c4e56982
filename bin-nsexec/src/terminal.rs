//! A terminal of the command's own, and what passes between it and the caller's.

mod callers;
mod ptmx;
mod typed;
mod waiting;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nicon_core::{Context, Process, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use nix::unistd::{Pid, read, write};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer};
use rustix::termios::{tcgetwinsize, tcsetwinsize};

pub(crate) use callers::CallersTerminal;

use typed::Typed;

/// How much is carried at once, in bytes; as much as a terminal has room for.
const PIECE: usize = 4096;

/// More than a pseudo-terminal can hold of what was written to it, in bytes.
const MOST: usize = 64 * 1024;

/// The caller's terminal, and the near end of the command's.
pub(crate) struct Terminal {
    callers: CallersTerminal,
    near: OwnedFd,
    /// Whether what is typed is for the command.
    wants_input: bool,
    /// Typed, but not taken yet.
    typed: Typed,
    /// Written by the command, but not shown yet.
    shown: Vec<u8>,
}

impl Terminal {
    /// Makes a terminal for the command, like the caller's; also returns its far end. It belongs to the file
    /// system of terminals of `container`, a process there, if it has one: then it has a name there.
    pub(crate) fn open(callers: CallersTerminal, container: Option<&Process>) -> Result<(Self, OwnedFd)> {
        let near = ptmx::open_new(container)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let far = ioctl_tiocgptpeer(&near, flags).map_err(std::io::Error::from);
        let far = far.context(|| "open the far end of the new terminal")?;
        tcsetattr(&far, SetArg::TCSANOW, callers.settings()).context(|| "set the new terminal's settings")?;
        let terminal = Self { callers, near, wants_input: false, typed: Typed::default(), shown: Vec::new() };
        terminal.resize();
        Ok((terminal, far))
    }

    /// Whether the caller's shell lets us read from its terminal.
    pub(crate) fn is_in_foreground(&self) -> bool {
        self.callers.is_in_foreground()
    }

    /// Whether the caller's terminal was hung up.
    pub(crate) fn is_gone(&self) -> bool {
        self.callers.is_gone()
    }

    /// Whether what is typed goes to the command now.
    pub(crate) fn is_taken(&self) -> bool {
        self.callers.is_taken()
    }

    /// From now on what is typed goes to the command, key by key, while we are in the terminal's foreground. `is_known`: the
    /// command has tried to read.
    pub(crate) fn take_input(&mut self, is_known: bool) {
        self.wants_input = true;
        if is_known {
            self.typed.release();
        }
        self.resume();
    }

    /// Types the end of the input: from a terminal that is another's for good, there is nothing to be read.
    pub(crate) fn end_input(&mut self) {
        if let Ok(settings) = tcgetattr(&self.near) {
            self.typed.end(&settings);
        }
    }

    /// Gives the new terminal the size of the caller's.
    pub(crate) fn resize(&self) {
        // A size is a convenience: a terminal without one (a serial line) is no reason to fail.
        let _ = tcgetwinsize(self.callers.input()).and_then(|size| tcsetwinsize(&self.near, size));
    }

    /// Takes the caller's terminal again after a stop; in the background it is another's.
    pub(crate) fn resume(&mut self) {
        self.resize();
        if self.wants_input && self.is_in_foreground() {
            self.callers.take();
        }
    }

    /// Leaves the caller's terminal as it was, and what was typed ahead to the next who reads.
    pub(crate) fn leave(&mut self) {
        self.callers.leave();
        let held = self.typed.take_held();
        if !self.callers.is_gone() {
            self.callers.type_again(&held);
        }
    }

    /// What to wait for.
    pub(crate) fn interest(&self) -> Vec<PollFd<'_>> {
        let mut near = PollFlags::empty();
        near.set(PollFlags::POLLIN, self.shown.is_empty());
        near.set(PollFlags::POLLOUT, self.typed.has_ready());
        let mut interest = vec![PollFd::new(self.near.as_fd(), near)];
        if self.callers.is_taken() && self.typed.has_room() {
            interest.push(PollFd::new(self.callers.input(), PollFlags::POLLIN));
        }
        // A hang-up is always reported.
        let output = if self.shown.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        interest.push(PollFd::new(self.callers.output(), output));
        interest
    }

    /// After how many milliseconds to look again at what is held back.
    pub(crate) fn patience(&mut self) -> Option<u16> {
        self.typed.patience()
    }

    /// Carries over what is there. `session` is that of the command.
    pub(crate) fn transfer(&mut self, session: Pid) {
        if self.callers.is_taken() && self.typed.has_room() {
            self.read_typed();
        }
        if self.typed.is_held() && !waiting::is_elsewhere(&self.near, session) {
            self.typed.release();
        }
        if let Ok(taken) = write(&self.near, self.typed.ready()) {
            self.typed.forget(taken);
        }
        self.show();
    }

    fn read_typed(&mut self) {
        let mut buffer = [0; PIECE];
        match self.callers.read(&mut buffer) {
            Ok(0) => {
                self.wants_input = false;
                self.callers.leave();
            }
            Ok(length) => {
                if let Ok(settings) = tcgetattr(&self.near) {
                    self.typed.push(&buffer[..length], &settings);
                }
            }
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            // The terminal is gone, or another's: to poll it further would be to spin.
            Err(_) => self.callers.forget(),
        }
    }

    /// Shows what the command wrote.
    fn show(&mut self) {
        // Only once: a command that never stops writing must not keep us from reading what is typed.
        if self.shown.is_empty() {
            self.fetch();
        }
        self.callers.show(&mut self.shown);
    }

    /// Gets what the command wrote; whether there was something.
    fn fetch(&mut self) -> bool {
        let mut buffer = [0; PIECE];
        loop {
            match read(&self.near, &mut buffer) {
                Ok(length @ 1..) => {
                    self.shown.extend_from_slice(&buffer[..length]);
                    return true;
                }
                Err(Errno::EINTR) => {}
                _ => return false,
            }
        }
    }

    /// Shows the last of what the command wrote, unless there is something to be read from one of `interrupts` first: the caller may have
    /// held their terminal.
    pub(crate) fn drain(&mut self, interrupts: &[BorrowedFd<'_>]) {
        let mut fetched = 0;
        loop {
            if self.shown.is_empty() {
                // Not more than was there: another process may go on writing forever.
                if fetched >= MOST || !self.fetch() {
                    break;
                }
                fetched += self.shown.len();
            }
            self.callers.show(&mut self.shown);
            if self.shown.is_empty() {
                continue;
            }
            let mut events = vec![PollFd::new(self.callers.output(), PollFlags::POLLOUT)];
            events.extend(interrupts.iter().map(|interrupt| PollFd::new(*interrupt, PollFlags::POLLIN)));
            match poll(&mut events, PollTimeout::NONE) {
                Ok(_) if events[1..].iter().any(|event| event.any() == Some(true)) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}
