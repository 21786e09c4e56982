//! The keeper: the parent of the command. It joins the namespaces, and makes the command end with us.
//!
//! ```text
//! caller's shell ── nicon-nsexec ── keeper ── command
//!                   │               │         └ in the PID namespace, a process group of its own
//!                   │               └ in the other namespaces, leads the session of the command
//!                   └ in the caller's namespaces, session and process group
//! ```
//!
//! A process group is stopped by Ctrl-Z only where a member's parent is in the same session but another group: that
//! takes a process between us, who belong to the caller's session, and the command.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nicon_core::{Doing, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getpgrp, getppid, isatty, setpgid, setsid, tcsetpgrp};

use crate::args::Stage;
use crate::early::started::CallersSignals;
use crate::entry::Entry;
use crate::run::fail;
use crate::signals::{Received, Signals};
use crate::sys;

/// Said to the watcher: the command has ended; what it wrote to its terminal is to be read now.
pub(crate) const ENDED: u8 = b'e';
/// Said to the watcher: the command wants to read from its terminal.
pub(crate) const WANTS_INPUT: u8 = b'i';

/// Said to the watcher: the command has stopped; its PID follows, in four bytes.
pub(crate) const STOPPED: u8 = b's';

/// Said to the watcher: the start before the C library failed, and nothing is left of it.
pub(crate) const GAVE_UP: u8 = b'g';

/// Goes with a signal that is meant for all of the command's process group.
pub(crate) const TO_GROUP: usize = 1;

/// What the watcher hands to the keeper.
pub(crate) struct Handover {
    pub(crate) stage: Stage,
    pub(crate) signals: Signals,
    /// Ends when the watcher does.
    pub(crate) link: UnixStream,
    /// The command's own terminal.
    pub(crate) terminal: Option<OwnedFd>,
    /// Whether the command may read from that terminal from the beginning.
    pub(crate) has_input: bool,
}

struct Keeper {
    child: Pid,
    watcher: Pid,
    handover: Handover,
    /// Ends when the child has executed the command, or has ended.
    executed: Option<PipeReader>,
}

/// Acts as the keeper, and exits with the command's status.
pub(crate) fn keep(entry: &Entry<'_>, handover: Handover) -> ! {
    let watched = Keeper::start(entry, handover).and_then(|mut keeper| keeper.watch());
    sys::exit(watched.unwrap_or_else(|error| fail(&error)))
}

/// Acts as the keeper of a command that was started before the C library was.
pub(crate) fn go_on(child: Pid, link: UnixStream) -> ! {
    let watched = Signals::taken(CallersSignals::default()).and_then(|signals| {
        let handover = Handover { stage: Stage::SESSION, signals, link, terminal: None, has_input: false };
        let mut keeper = Keeper { child, watcher: getppid(), handover, executed: None };
        keeper.let_go()?;
        keeper.watch()
    });
    sys::exit(watched.unwrap_or_else(|error| fail(&error)))
}

impl Keeper {
    fn start(entry: &Entry<'_>, handover: Handover) -> Result<Self> {
        let watcher = getppid();
        set_stage(&handover)?;
        entry.enter()?;
        let (executed, until_exec) = pipe().doing(|| "make a pipe")?;
        let child = start_command(entry, &handover, &until_exec)?;
        if handover.stage.has_session {
            // The child does the same: either may be first. It may have executed or ended already.
            let _ = setpgid(child, child);
        }
        Ok(Self { child, watcher, handover, executed: Some(executed) })
    }

    /// Closes what was opened for the way, and what the caller left open: neither is ours to hold in the container.
    fn let_go(&self) -> Result<()> {
        let Handover { signals, link, terminal, .. } = &self.handover;
        let kept = [signals.as_fd(), link.as_fd()].into_iter().chain(terminal.as_ref().map(AsFd::as_fd));
        sys::close_all_but(kept).doing(|| "close our descriptors")
    }

    fn watch(&mut self) -> Result<u8> {
        loop {
            let Handover { signals, link, .. } = &self.handover;
            // Signals stay pending until the exec: so the watcher sees that it is held up. The child's end also closes the pipe.
            let news = self.executed.as_ref().map_or(signals.as_fd(), AsFd::as_fd);
            let mut events = [link.as_fd(), news].map(|end| PollFd::new(end, PollFlags::POLLIN));
            match poll(&mut events, PollTimeout::NONE) {
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(Error::os("wait for events", errno)),
            }
            // The watcher writes nothing: an event means that its end is closed.
            if events[0].any() == Some(true) {
                return Ok(self.kill());
            }
            if self.executed.take().is_some() {
                // Not earlier: closing the last descriptor of the mount that we run from takes a while.
                self.let_go()?;
            }
            while let Some(received) = self.handover.signals.next()? {
                if received.signal == Signal::SIGCHLD {
                    if let Some(status) = self.look()? {
                        return Ok(status);
                    }
                } else {
                    self.pass_on(&received);
                }
            }
        }
    }

    /// The child's exit status, if it has ended.
    fn look(&mut self) -> Result<Option<u8>> {
        loop {
            match waitpid(self.child, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
                Ok(WaitStatus::Stopped(_, Signal::SIGTTIN | Signal::SIGTTOU)) if self.handover.terminal.is_some() => {
                    self.give_input()?;
                }
                // The watcher stops then. We do not: if it were killed, nothing would wake us.
                Ok(WaitStatus::Stopped(..)) => {
                    let [a, b, c, d] = self.child.as_raw().to_ne_bytes();
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
    fn give_input(&mut self) -> Result<()> {
        if let Some(terminal) = &self.handover.terminal {
            tcsetpgrp(terminal, self.child).doing(|| "hand over the terminal")?;
        }
        self.say(&[WANTS_INPUT]);
        let _ = killpg(self.child, Signal::SIGCONT);
        Ok(())
    }

    fn say(&mut self, words: &[u8]) {
        // If the watcher is gone, the link's end is noticed next.
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
        let Some((sender, number)) = received.queued else { return };
        if sender != self.watcher {
            return;
        }
        // The child may have ended: we have not waited for it, so its PID is not reused.
        let is_for_group = self.handover.stage.has_session && number.cast_unsigned() as usize == TO_GROUP;
        let _ = if is_for_group { killpg(self.child, received.signal) } else { kill(self.child, received.signal) };
    }

    /// Kills the command, whose watcher is gone or has given it up. It is not waited for: a container's file system can keep a
    /// process from ending.
    fn kill(&self) -> u8 {
        if self.handover.stage.has_session {
            let _ = killpg(self.child, Signal::SIGKILL);
        }
        let _ = kill(self.child, Signal::SIGKILL);
        crate::run::FAILED
    }
}

/// The exit status for the end of a child; `None` if it has not ended.
pub(crate) fn exit_status(status: WaitStatus) -> Option<u8> {
    match status {
        WaitStatus::Exited(_, code) => Some(u8::try_from(code & 0xff).unwrap_or_default()),
        WaitStatus::Signaled(_, signal, _) => Some(u8::try_from(128 + signal as i32).unwrap_or_default()),
        _ => None,
    }
}

/// Starts the child that becomes the command.
fn start_command(entry: &Entry<'_>, handover: &Handover, until_exec: &PipeWriter) -> Result<Pid> {
    let born = entry.birthplace().map(sys::fork_into);
    let is_in_birthplace = matches!(born, Some(Ok(_)));
    let forked = match born {
        Some(Ok(forked)) => forked,
        // The kernel is older, or does not permit it: the child moves itself.
        _ => sys::fork().doing(|| "start a child")?,
    };
    match forked {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => match die_with_parent().and_then(|()| step_forward(handover)) {
            Ok(()) => entry.become_command(is_in_birthplace, || tie(handover), Some(until_exec.as_fd())),
            Err(error) => sys::exit(fail(&error)),
        },
    }
}

fn die_with_parent() -> Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL).doing(|| "tie ourselves to our parent")
}

/// Has the command, which is about to be executed, die with the keeper, and gives it the caller's signals.
fn tie(handover: &Handover) -> Result<()> {
    // A change of the user has cleared this. If the keeper is gone, so is its watcher.
    die_with_parent()?;
    let mut link = [PollFd::new(handover.link.as_fd(), PollFlags::empty())];
    if poll(&mut link, PollTimeout::ZERO).doing(|| "look for the watcher")? > 0 {
        return Err(Error::failed("the process that watches the command is gone"));
    }
    handover.signals.give_back()
}

/// Session, terminal and standard input of the command.
fn set_stage(handover: &Handover) -> Result<()> {
    if handover.stage.has_session {
        setsid().doing(|| "begin a session")?;
    }
    if let Some(terminal) = &handover.terminal {
        sys::control(terminal).doing(|| "take the new terminal")?;
        for place in 0..=2 {
            if is_terminal(place) {
                sys::put_at(terminal, place).doing(|| "connect the new terminal")?;
            }
        }
    }
    if handover.stage.has_null_input {
        let null = open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).doing(|| "open /dev/null")?;
        sys::put_at(null, 0).doing(|| "connect /dev/null")?;
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

/// Gives the child a process group of its own, in the foreground of its terminal if it has input.
fn step_forward(handover: &Handover) -> Result<()> {
    if handover.stage.has_session {
        let own = Pid::from_raw(0);
        setpgid(own, own).doing(|| "begin a process group")?;
    }
    match &handover.terminal {
        Some(terminal) if handover.has_input => tcsetpgrp(terminal, getpgrp()).doing(|| "take the terminal"),
        _ => Ok(()),
    }
}
