//! The session leader: the parent of the command, which makes it end with us.

use std::io::IsTerminal;
use std::os::fd::{AsFd, OwnedFd};

use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpgrp, getpid, setpgid, setsid, tcgetpgrp, tcsetpgrp};
use rustix::process::{WaitOptions, ioctl_tiocsctty};

use super::child::{self, Change};
use super::left_behind;
use super::protocol::{Connection, Heard, Order, Report};
use super::signals::Signals;
use super::start::{Progress, Start};
use crate::entry::Entry;
use crate::failure::{FAILED, fail};
use crate::stdio::Input;
use crate::sys;

/// What the supervisor hands to the session leader.
pub(super) struct Handover<'a> {
    /// The supervisor gives them back to the caller. We end with them.
    pub(super) signals: &'a Signals,
    /// Ends when the supervisor does.
    pub(super) connection: Connection,
    /// Whether the command gets a session of its own.
    pub(super) has_session: bool,
    /// The far end of the command's own terminal.
    pub(super) terminal: Option<OwnedFd>,
    /// Whether the command may read from that terminal from the beginning.
    pub(super) has_input: bool,
    pub(super) input: Input,
}

struct SessionLeader<'a> {
    handover: Handover<'a>,
    /// Until the command is executed.
    start: Option<Start>,
    /// The command, once it is born.
    command: Option<Pid>,
    /// Signals that came before the command was executed.
    early: Vec<(i32, bool)>,
    /// How many orders were carried out.
    orders: u32,
    /// Whether a stop of the command was reported, and not answered yet.
    is_stop_reported: bool,
    /// The process group to which the command's terminal belonged last.
    foreground: Option<Pid>,
}

/// Acts as the session leader, and exits with the command's status.
pub(super) fn lead(entry: &Entry<'_>, handover: Handover<'_>) -> ! {
    let watched = SessionLeader::start(entry, handover).and_then(|mut leader| {
        let watched = leader.watch();
        // Nobody is to be left without us. The kernel kills the command by itself, but not if it has changed its user.
        if watched.is_err() {
            leader.kill();
        }
        watched
    });
    sys::exit(watched.unwrap_or_else(|error| fail(&error)))
}

impl<'a> SessionLeader<'a> {
    fn start(entry: &Entry<'_>, handover: Handover<'a>) -> Result<Self> {
        set_stdio(&handover)?;
        let start = Start::begin(entry, handover.signals, handover.terminal.as_ref().map(AsFd::as_fd))?;
        let leader = Self {
            handover,
            start: Some(start),
            command: None,
            early: Vec::new(),
            orders: 0,
            is_stop_reported: false,
            foreground: None,
        };
        leader.let_go()?;
        Ok(leader)
    }

    /// Closes what was opened for the way, and what the caller left open.
    fn let_go(&self) -> Result<()> {
        let Self { handover: Handover { signals, connection, terminal, .. }, start, .. } = self;
        let kept = [signals.as_fd(), connection.as_fd()].into_iter();
        let kept = kept.chain(terminal.as_ref().map(AsFd::as_fd)).chain(start.as_ref().map(AsFd::as_fd));
        sys::close_all_but(kept).context(|| "close our descriptors")
    }

    fn watch(&mut self) -> Result<u8> {
        loop {
            let Handover { signals, connection, .. } = &self.handover;
            let news = self.start.as_ref().map_or(signals.as_fd(), AsFd::as_fd);
            let mut events = [connection.as_fd(), news].map(|end| PollFd::new(end, PollFlags::POLLIN));
            match poll(&mut events, PollTimeout::NONE) {
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(Error::os("wait for events", errno)),
            }
            let has_news = events[1].any() == Some(true);
            if !self.obey()? {
                return Ok(self.kill());
            }
            let status = match &self.start {
                Some(_) if has_news => self.attend_start()?,
                Some(_) => None,
                None => self.attend_signals()?,
            };
            if let Some(status) = status {
                return Ok(status);
            }
        }
    }

    /// Carries out what the supervisor has ordered; whether it is still there.
    fn obey(&mut self) -> Result<bool> {
        loop {
            match self.handover.connection.next()? {
                Heard::Said(order) => self.carry_out(order),
                Heard::Nothing => return Ok(true),
                Heard::End => return Ok(false),
            }
            self.orders = self.orders.wrapping_add(1);
        }
    }

    fn carry_out(&mut self, order: Order) {
        match (order, self.command) {
            (Order::Signal { number, is_for_group }, Some(command)) if self.start.is_none() => {
                self.send(command, number, is_for_group);
            }
            // Held back until it is the command that they reach.
            (Order::Signal { number, is_for_group }, _) => self.early.push((number, is_for_group)),
            (Order::Wake { is_foreground }, command) => {
                self.is_stop_reported = false;
                self.hand_terminal(is_foreground);
                let others = self.foreground.filter(|group| is_foreground && Some(*group) != command);
                for group in command.into_iter().chain(others) {
                    self.send(group, Signal::SIGCONT as i32, true);
                }
            }
            (Order::LookAgain, _) => self.is_stop_reported = false,
        }
    }

    /// Sends a signal to the command, or to a process group of its session. We have not waited for the command, so its PID is not reused.
    fn send(&self, pid: Pid, number: i32, is_for_group: bool) {
        let is_for_group = is_for_group && self.handover.has_session;
        // It may have ended.
        let _ = sys::signal::send(if is_for_group { Pid::from_raw(-pid.as_raw()) } else { pid }, number);
    }

    /// Has the command's terminal belong to those who used it last, or to nobody: then the kernel stops the command when it reads.
    fn hand_terminal(&mut self, is_foreground: bool) {
        let (Some(terminal), Some(command)) = (&self.handover.terminal, self.command) else { return };
        let ours = getpgrp();
        if let Ok(owner) = tcgetpgrp(terminal)
            && owner != ours
        {
            self.foreground = Some(owner);
        }
        let owner = if is_foreground { self.foreground.unwrap_or(command) } else { ours };
        if tcsetpgrp(terminal, owner).is_err() {
            // That group has ended, and its number may be that of others by now.
            self.foreground = None;
            let _ = tcsetpgrp(terminal, command);
        }
    }

    /// Attends to the start; returns the exit status if it has failed.
    fn attend_start(&mut self) -> Result<Option<u8>> {
        let Some(start) = &mut self.start else { return Ok(None) };
        match start.next()? {
            Progress::Noise => {}
            Progress::Born(command) => {
                self.command = Some(command);
                step_forward(&self.handover, command)?;
                start.release();
            }
            Progress::Over(status) => {
                self.start = None;
                let Some(command) = self.command else { return Ok(Some(status)) };
                self.handover.connection.say(Report::Executed);
                for (number, is_for_group) in std::mem::take(&mut self.early) {
                    self.send(command, number, is_for_group);
                }
            }
        }
        Ok(None)
    }

    /// Attends to signals, of which only the ends and stops of children are for us; returns the command's exit status if it
    /// has ended.
    fn attend_signals(&mut self) -> Result<Option<u8>> {
        while self.handover.signals.next()?.is_some() {}
        self.look()
    }

    /// The command's exit status, if it has ended.
    fn look(&mut self) -> Result<Option<u8>> {
        let Some(command) = self.command else { return Ok(None) };
        // The kernel tells of a stop as long as it lasts and nobody has asked.
        let stops = if self.is_stop_reported { WaitOptions::empty() } else { WaitOptions::UNTRACED };
        loop {
            match child::wait(command, WaitOptions::NOHANG | stops) {
                // The supervisor stops then. We do not: if it were killed, nothing would wake us.
                Ok(Change::Stopped(signal)) => {
                    self.is_stop_reported = true;
                    let pid = command.as_raw();
                    self.handover.connection.say(Report::Stopped { pid, signal, orders: self.orders });
                    return Ok(None);
                }
                Ok(change) => {
                    let status = change.status();
                    // When we end, the kernel hangs the terminal up, and what has not been read from it is lost.
                    if status.is_some() && self.handover.terminal.is_some() {
                        self.handover.connection.say(Report::Ended);
                        self.handover.connection.wait_for_end();
                    }
                    return Ok(status);
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::os("wait for the command", errno)),
            }
        }
    }

    /// Kills the command and its session, whose supervisor is gone or has given it up.
    fn kill(&self) -> u8 {
        if let Some(start) = &self.start {
            start.kill();
        }
        let session = self.handover.has_session.then(getpid);
        if let Err(error) = left_behind::kill_all(session, self.command) {
            fail(&error);
        }
        if let Some(command) = self.command {
            self.send(command, Signal::SIGKILL as i32, true);
            self.send(command, Signal::SIGKILL as i32, false);
        }
        FAILED
    }
}

/// Session, terminal and standard input of the command.
fn set_stdio(handover: &Handover<'_>) -> Result<()> {
    if handover.has_session {
        setsid().context(|| "begin a session")?;
    }
    let Some(terminal) = &handover.terminal else {
        return handover.input.connect();
    };
    ioctl_tiocsctty(terminal).map_err(std::io::Error::from).context(|| "take the new terminal")?;
    for place in 0..=2 {
        if is_terminal(place) || place == 0 && handover.input == Input::Terminal {
            sys::put_at(terminal, place).context(|| "connect the new terminal")?;
        }
    }
    if handover.input == Input::Nothing { handover.input.connect() } else { Ok(()) }
}

fn is_terminal(place: i32) -> bool {
    match place {
        0 => std::io::stdin().is_terminal(),
        1 => std::io::stdout().is_terminal(),
        _ => std::io::stderr().is_terminal(),
    }
}

/// Gives the command a process group of its own, in the foreground of its terminal if it has input.
fn step_forward(handover: &Handover<'_>, command: Pid) -> Result<()> {
    // If it has ended meanwhile, that is noticed next.
    if !handover.has_session || setpgid(command, command) == Err(Errno::ESRCH) {
        return Ok(());
    }
    match &handover.terminal {
        Some(terminal) if handover.has_input => tcsetpgrp(terminal, command).context(|| "hand over the terminal"),
        _ => Ok(()),
    }
}
