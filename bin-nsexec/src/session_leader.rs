//! The session leader: the parent of the command, which makes it end with us.
//!
//! ```text
//! caller's shell ── nicon-nsexec ── session leader ── command
//!                   │               │                 └ in all namespaces that are joined, a process group of its own
//!                   │               └ in the caller's namespaces, leads the session of the command
//!                   └ in the caller's namespaces, session and process group
//! ```
//!
//! A process group is stopped by Ctrl-Z only where a member's parent is in the same session but another group: that
//! takes a process between us, who belong to the caller's session, and the command.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getppid, isatty, setpgid, setsid, tcsetpgrp};

use crate::args::Stdio;
use crate::entry::Entry;
use crate::failure::{FAILED, fail};
use crate::signals::{Received, Signals};
use crate::start::{Progress, Start, exit_status};
use crate::sys;

/// Said to the supervisor: the command has ended; what it wrote to its terminal is to be read now.
pub(crate) const ENDED: u8 = b'e';
/// Said to the supervisor: the command wants to read from its terminal.
pub(crate) const WANTS_INPUT: u8 = b'i';

/// Said to the supervisor: the command has stopped; its PID follows, in four bytes.
pub(crate) const STOPPED: u8 = b's';

/// Goes with a signal that is meant for all of the command's process group.
pub(crate) const TO_GROUP: usize = 1;

/// What the supervisor hands to the session leader.
pub(crate) struct Handover {
    pub(crate) stdio: Stdio,
    pub(crate) signals: Signals,
    /// Ends when the supervisor does.
    pub(crate) link: UnixStream,
    /// The command's own terminal.
    pub(crate) terminal: Option<OwnedFd>,
    /// Whether the command may read from that terminal from the beginning.
    pub(crate) has_input: bool,
}

struct SessionLeader {
    supervisor: Pid,
    handover: Handover,
    /// Until the command is executed.
    start: Option<Start>,
    /// The command, once it is born.
    command: Option<Pid>,
}

/// Acts as the session leader, and exits with the command's status.
pub(crate) fn keep(entry: &Entry<'_>, handover: Handover) -> ! {
    let watched = SessionLeader::start(entry, handover).and_then(|mut leader| {
        let watched = leader.watch();
        // Without us nobody is to be left; the kernel would see to the command, if it has not changed its user.
        if watched.is_err() {
            leader.kill();
        }
        watched
    });
    sys::exit(watched.unwrap_or_else(|error| fail(&error)))
}

impl SessionLeader {
    fn start(entry: &Entry<'_>, handover: Handover) -> Result<Self> {
        let supervisor = getppid();
        set_stdio(&handover)?;
        let start = Some(Start::begin(entry, &handover.signals)?);
        let leader = Self { supervisor, handover, start, command: None };
        leader.let_go()?;
        Ok(leader)
    }

    /// Closes what was opened for the way, and what the caller left open.
    fn let_go(&self) -> Result<()> {
        let Self { handover: Handover { signals, link, terminal, .. }, start, .. } = self;
        let kept = [signals.as_fd(), link.as_fd()].into_iter();
        let kept = kept.chain(terminal.as_ref().map(AsFd::as_fd)).chain(start.as_ref().map(AsFd::as_fd));
        sys::close_all_but(kept).context(|| "close our descriptors")
    }

    fn watch(&mut self) -> Result<u8> {
        loop {
            let Handover { signals, link, .. } = &self.handover;
            // Signals stay pending until the exec: so the supervisor sees that it is held up.
            let news = self.start.as_ref().map_or(signals.as_fd(), AsFd::as_fd);
            let mut events = [link.as_fd(), news].map(|end| PollFd::new(end, PollFlags::POLLIN));
            match poll(&mut events, PollTimeout::NONE) {
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(Error::os("wait for events", errno)),
            }
            // The supervisor writes nothing: an event means that its end is closed.
            if events[0].any() == Some(true) {
                return Ok(self.kill());
            }
            let status = if self.start.is_some() { self.attend_start()? } else { self.attend_signals()? };
            if let Some(status) = status {
                return Ok(status);
            }
        }
    }

    /// Attends to the start; returns the exit status if it has failed.
    fn attend_start(&mut self) -> Result<Option<u8>> {
        let Some(start) = &mut self.start else { return Ok(None) };
        match start.next()? {
            Progress::Noise => Ok(None),
            Progress::Born(command) => {
                self.command = Some(command);
                step_forward(&self.handover, command)?;
                start.release();
                Ok(None)
            }
            Progress::Over(status) => {
                self.start = None;
                Ok(if self.command.is_some() { None } else { Some(status) })
            }
        }
    }

    /// Attends to signals; returns the command's exit status if it has ended.
    fn attend_signals(&mut self) -> Result<Option<u8>> {
        while let Some(received) = self.handover.signals.next()? {
            if received.signal == Signal::SIGCHLD {
                if let Some(status) = self.look()? {
                    return Ok(Some(status));
                }
            } else {
                self.pass_on(&received);
            }
        }
        Ok(None)
    }

    /// The command's exit status, if it has ended.
    fn look(&mut self) -> Result<Option<u8>> {
        let Some(command) = self.command else { return Ok(None) };
        loop {
            match waitpid(command, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
                Ok(WaitStatus::Stopped(_, Signal::SIGTTIN | Signal::SIGTTOU)) if self.handover.terminal.is_some() => {
                    self.give_input(command)?;
                }
                // The supervisor stops then. We do not: if it were killed, nothing would wake us.
                Ok(WaitStatus::Stopped(..)) => {
                    let [a, b, c, d] = command.as_raw().to_ne_bytes();
                    self.say(&[STOPPED, a, b, c, d]);
                }
                Ok(status) => {
                    let status = exit_status(status);
                    if status.is_some() {
                        self.say_ended();
                    }
                    return Ok(status);
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::os("wait for the command", errno)),
            }
        }
    }

    /// Gives the command its terminal when it first uses it: another program of the same pipeline may be using the
    /// caller's terminal until then.
    fn give_input(&mut self, command: Pid) -> Result<()> {
        if let Some(terminal) = &self.handover.terminal {
            tcsetpgrp(terminal, command).context(|| "hand over the terminal")?;
        }
        self.say(&[WANTS_INPUT]);
        let _ = killpg(command, Signal::SIGCONT);
        Ok(())
    }

    fn say(&mut self, words: &[u8]) {
        // If the supervisor is gone, the link's end is noticed next.
        let _ = self.handover.link.write_all(words);
    }

    /// When we end, the kernel hangs the terminal up, and what has not been read from it is lost.
    fn say_ended(&mut self) {
        if self.handover.terminal.is_some() && self.handover.link.write_all(&[ENDED]).is_ok() {
            let _ = self.handover.link.read(&mut [0]);
        }
    }

    fn pass_on(&self, received: &Received) {
        // In the caller's process group we get the terminal's signals, as the child does: they are not ours to pass on.
        let (Some((sender, number)), Some(command)) = (received.queued, self.command) else { return };
        if sender != self.supervisor {
            return;
        }
        // The command may have ended: we have not waited for it, so its PID is not reused.
        let is_for_group = self.handover.stdio.has_session && number.cast_unsigned() as usize == TO_GROUP;
        let _ = if is_for_group { killpg(command, received.signal) } else { kill(command, received.signal) };
    }

    /// Kills the command, whose supervisor is gone or has given it up. It is not waited for: a container's file system can keep a
    /// process from ending.
    fn kill(&self) -> u8 {
        if let Some(start) = &self.start {
            start.kill();
        }
        if let Some(command) = self.command {
            if self.handover.stdio.has_session {
                let _ = killpg(command, Signal::SIGKILL);
            }
            let _ = kill(command, Signal::SIGKILL);
        }
        FAILED
    }
}

/// Session, terminal and standard input of the command.
fn set_stdio(handover: &Handover) -> Result<()> {
    if handover.stdio.has_session {
        setsid().context(|| "begin a session")?;
    }
    if let Some(terminal) = &handover.terminal {
        sys::control(terminal).context(|| "take the new terminal")?;
        for place in 0..=2 {
            if is_terminal(place) {
                sys::put_at(terminal, place).context(|| "connect the new terminal")?;
            }
        }
    }
    if handover.stdio.has_null_input {
        let null = open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).context(|| "open /dev/null")?;
        sys::put_at(null, 0).context(|| "connect /dev/null")?;
    }
    Ok(())
}

fn is_terminal(place: i32) -> bool {
    match place {
        0 => isatty(std::io::stdin()),
        1 => isatty(std::io::stdout()),
        _ => isatty(std::io::stderr()),
    }
    .unwrap_or(false)
}

/// Gives the command a process group of its own, in the foreground of its terminal if it has input.
fn step_forward(handover: &Handover, command: Pid) -> Result<()> {
    // If it has ended meanwhile, that is noticed next.
    if !handover.stdio.has_session || setpgid(command, command) == Err(Errno::ESRCH) {
        return Ok(());
    }
    match &handover.terminal {
        Some(terminal) if handover.has_input => tcsetpgrp(terminal, command).context(|| "hand over the terminal"),
        _ => Ok(()),
    }
}
