//! A terminal of the command's own, and what passes between it and the caller's.

use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};

use nicon_core::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags};
use nix::pty::{posix_openpt, unlockpt};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, read, tcgetpgrp, write};

use crate::sys;

/// The caller's terminal, which is standard input, and the near end of the command's.
pub(crate) struct Terminal {
    near: OwnedFd,
    stdin: io::Stdin,
    /// The caller's settings.
    settings: Termios,
    is_raw: bool,
    /// Whether what is typed is for the command.
    wants_input: bool,
    /// Typed, but not taken yet.
    typed: Vec<u8>,
}

impl Terminal {
    /// Makes a terminal for the command, like the caller's; also returns its far end.
    pub(crate) fn open() -> Result<(Self, OwnedFd)> {
        let near = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK);
        let near = near.context(|| "open a new terminal")?;
        unlockpt(&near).context(|| "unlock the new terminal")?;
        let far = sys::pty_peer(&near).context(|| "open the far end of the new terminal")?;
        let settings = tcgetattr(io::stdin()).context(|| "read the terminal's settings")?;
        tcsetattr(&far, SetArg::TCSANOW, &settings).context(|| "set the new terminal's settings")?;
        let near = near.as_fd().try_clone_to_owned().context(|| "hold the new terminal")?;
        let terminal =
            Self { near, stdin: io::stdin(), settings, is_raw: false, wants_input: false, typed: Vec::new() };
        terminal.resize();
        Ok((terminal, far))
    }

    /// From now on what is typed goes to the command, key by key, while we are in the terminal's foreground.
    pub(crate) fn take_input(&mut self) {
        self.wants_input = true;
        self.resume();
    }

    /// Gives the new terminal the size of the caller's.
    pub(crate) fn resize(&self) {
        // A size is a convenience: a terminal without one (a serial line) is no reason to fail.
        let _ = sys::copy_window_size(io::stdin(), &self.near);
    }

    /// Takes the caller's terminal again after a stop; in the background it is another's.
    pub(crate) fn resume(&mut self) {
        self.resize();
        if self.wants_input && is_foreground() && !self.is_raw {
            let mut raw = self.settings.clone();
            cfmakeraw(&mut raw);
            self.is_raw = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw).is_ok();
        }
    }

    /// Leaves the caller's terminal as it was.
    pub(crate) fn leave(&mut self) {
        if self.is_raw && is_foreground() {
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.settings);
        }
        self.is_raw = false;
    }

    /// What to wait for.
    pub(crate) fn interest(&self) -> Vec<PollFd<'_>> {
        let near = if self.typed.is_empty() { PollFlags::POLLIN } else { PollFlags::POLLIN | PollFlags::POLLOUT };
        let mut interest = vec![PollFd::new(self.near.as_fd(), near)];
        if self.is_raw && self.typed.is_empty() {
            interest.push(PollFd::new(self.stdin.as_fd(), PollFlags::POLLIN));
        }
        interest
    }

    /// Carries over what is there. `has_typed`: there is something to be read from the caller's terminal.
    pub(crate) fn transfer(&mut self, has_typed: bool) {
        let mut buffer = [0; 4096];
        if has_typed {
            match read(&self.stdin, &mut buffer) {
                Ok(0) => self.wants_input = false,
                Ok(length) => self.typed.extend_from_slice(&buffer[..length]),
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                // The terminal is gone, or another's: to poll it further would be to spin.
                Err(_) => self.is_raw = false,
            }
            self.is_raw &= self.wants_input;
        }
        if let Ok(taken) = write(&self.near, &self.typed) {
            self.typed.drain(..taken);
        }
        self.show(&mut buffer);
    }

    /// Shows what the command wrote, until there is no more.
    fn show(&mut self, buffer: &mut [u8]) {
        // Only once: a command that never stops writing must not keep us from reading what is typed.
        if let Ok(length @ 1..) = read(&self.near, buffer) {
            show(&buffer[..length]);
        }
    }

    /// Shows the last of what the command wrote.
    pub(crate) fn drain(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            match read(&self.near, &mut buffer) {
                Ok(length @ 1..) => show(&buffer[..length]),
                Err(Errno::EINTR) => {}
                _ => break,
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Writes to the caller's terminal, by whichever of our descriptors leads there.
fn show(bytes: &[u8]) {
    // A terminal that is gone shows nothing more; the command hears of it by SIGHUP.
    if io::stdout().is_terminal() {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
    } else {
        let _ = io::stderr().write_all(bytes);
    }
}

fn is_foreground() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
}
