//! The caller's terminal.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nicon_core::filter::output::report;
use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fstat, major, minor};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, read, tcgetpgrp, write};

use crate::failure::PROGRAM;
use crate::sys;

/// The caller's terminal.
pub(crate) struct CallersTerminal {
    input: OwnedFd,
    output: OwnedFd,
    /// The caller's settings.
    settings: Termios,
    /// Whether we read from it key by key.
    is_taken: bool,
}

impl CallersTerminal {
    /// The one that is standard input, or otherwise that of the caller's session, if there is one.
    pub(crate) fn find() -> Result<Option<Self>> {
        let Some((input, output)) = ends() else { return Ok(None) };
        let settings = tcgetattr(&input).context(|| "read the terminal's settings")?;
        Ok(Some(Self { input, output, settings, is_taken: false }))
    }

    pub(super) fn settings(&self) -> &Termios {
        &self.settings
    }

    /// What is typed is read from here.
    pub(super) fn input(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    /// What is shown is written here.
    pub(super) fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Whether we may read from it. One that is not our session's has no job control: whoever has it open may read.
    pub(super) fn is_in_foreground(&self) -> bool {
        match tcgetpgrp(&self.input) {
            Ok(group) => group == getpgrp(),
            Err(errno) => errno == Errno::ENOTTY,
        }
    }

    /// Whether it was hung up.
    pub(super) fn is_gone(&self) -> bool {
        let mut events = [PollFd::new(self.output(), PollFlags::empty())];
        let told = poll(&mut events, PollTimeout::ZERO).ok().and(events[0].revents());
        told.is_some_and(|told| told.contains(PollFlags::POLLHUP))
    }

    pub(super) fn is_taken(&self) -> bool {
        self.is_taken
    }

    /// Has every key reported as it is, and at once.
    pub(super) fn take(&mut self) {
        if !self.is_taken {
            let mut raw = self.settings.clone();
            cfmakeraw(&mut raw);
            self.is_taken = tcsetattr(&self.input, SetArg::TCSADRAIN, &raw).is_ok();
        }
    }

    /// Leaves it as it was.
    pub(super) fn leave(&mut self) {
        if self.is_taken && self.is_in_foreground() {
            let _ = tcsetattr(&self.input, SetArg::TCSADRAIN, &self.settings);
        }
        self.is_taken = false;
    }

    /// Reads it no more: it is gone, or another's.
    pub(super) fn forget(&mut self) {
        self.is_taken = false;
    }

    /// Reads what was typed.
    ///
    /// # Errors
    /// EAGAIN if there is nothing.
    pub(super) fn read(&self, buffer: &mut [u8]) -> nix::Result<usize> {
        ready(self.input(), PollFlags::POLLIN)?;
        read(&self.input, buffer)
    }

    /// Shows as much as the terminal takes now, and removes it. A terminal that is gone shows nothing more; the command hears
    /// of it by SIGHUP.
    pub(super) fn show(&self, bytes: &mut Vec<u8>) {
        while !bytes.is_empty() {
            match ready(self.output(), PollFlags::POLLOUT).and_then(|()| write(&self.output, bytes)) {
                Ok(shown) => drop(bytes.drain(..shown)),
                Err(Errno::EAGAIN) => return,
                Err(Errno::EINTR) => {}
                Err(_) => bytes.clear(),
            }
        }
    }

    /// Gives back what was typed for others, in front of what is typed from now on.
    pub(super) fn type_again(&self, bytes: &[u8]) {
        let typed = bytes.iter().try_for_each(|byte| sys::terminal::type_byte(self.input(), *byte));
        if let Err(errno) = typed {
            report(PROGRAM, &Error::os("give back to the terminal what was typed while the command ran", errno));
        }
    }
}

/// Whether it is ready now: EAGAIN if not.
fn ready(end: BorrowedFd<'_>, flags: PollFlags) -> nix::Result<()> {
    match poll(&mut [PollFd::new(end, flags)], PollTimeout::ZERO)? {
        0 => Err(Errno::EAGAIN),
        _ => Ok(()),
    }
}

/// Where to read and write. Opened anew where that is possible: then `O_NONBLOCK` is set for us alone, and not for all who share
/// the caller's descriptor.
fn ends() -> Option<(OwnedFd, OwnedFd)> {
    let stdin = io::stdin();
    let anew = |path: &str| {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = File::from(open(path, flags, Mode::empty()).ok()?);
        Some((file.try_clone().ok()?.into(), file.into()))
    };
    if !stdin.is_terminal() {
        return anew("/dev/tty");
    }
    // To open the near end of a pseudo-terminal anew makes another one.
    let is_ptmx = fstat(&stdin).is_ok_and(|stat| (major(stat.st_rdev), minor(stat.st_rdev)) == (5, 2));
    let opened = if is_ptmx { None } else { anew("/proc/self/fd/0") };
    opened.or_else(|| {
        let own = |end: BorrowedFd<'_>| end.try_clone_to_owned().ok();
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let output = match (stdout.is_terminal(), stderr.is_terminal()) {
            (true, _) => stdout.as_fd(),
            (_, true) => stderr.as_fd(),
            _ => stdin.as_fd(),
        };
        Some((own(stdin.as_fd())?, own(output)?))
    })
}
