//! The supervisor: what the caller knows as nicon-nsexec while the command runs. It passes signals on, stops and goes on
//! with the command, and carries what is typed and shown.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nicon_core::{Context, Error, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fchown};

use crate::args::Stdio;
use crate::entry::Entry;
use crate::session_leader::{self, Handover, TO_GROUP};
use crate::signals::{Received, Signals};
use crate::start::exit_status;
use crate::sys;
use crate::terminal::Terminal;

/// How long the session leader may take to hear that the command is to end, in milliseconds.
const PATIENCE: u16 = 1000;

/// How a watched command ended.
pub(crate) struct Ended {
    pub(crate) status: u8,
    /// Whether we were asked to end: by SIGTERM, SIGINT, SIGHUP or SIGQUIT.
    pub(crate) is_interrupted: bool,
}

/// Runs the command as a child and watches it to its end.
pub(crate) fn supervise(entry: &Entry<'_>, stdio: Stdio) -> Result<Ended> {
    let signals = Signals::take()?;
    let (terminal, far) =
        if stdio.has_pty { Terminal::open().map(|(near, far)| (Some(near), Some(far)))? } else { (None, None) };
    if let (Some(far), Some(owner)) = (&far, entry.terminal_owner()) {
        // Without the right to, the command can use its terminal, but not open it anew.
        let _ = fchown(far, Some(owner), None);
    }
    // In a pipeline the terminal may be in use by another: what is typed is the command's when it wants it.
    let has_input = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let (link, far_link) = UnixStream::pair().context(|| "make a socket pair")?;
    match sys::fork().context(|| "start a child")? {
        ForkResult::Child => {
            drop(link);
            // The caller's terminal is not the session leader's to put back.
            std::mem::forget(terminal);
            session_leader::keep(entry, Handover { stdio, signals, link: far_link, terminal: far, has_input })
        }
        ForkResult::Parent { child } => {
            drop((far, far_link));
            let mut watch = Watch::new(child, stdio, signals, link, terminal);
            if let Some(terminal) = watch.terminal.as_mut().filter(|_| has_input) {
                terminal.take_input();
            }
            let status = watch.run()?;
            watch.signals.give_back()?;
            Ok(Ended { status, is_interrupted: watch.is_interrupted })
        }
    }
}

struct Watch {
    leader: Pid,
    stdio: Stdio,
    signals: Signals,
    /// When it is closed, the session leader kills the command and ends.
    link: Option<UnixStream>,
    terminal: Option<Terminal>,
    /// The signal that asked the command to end, until the session leader has had it.
    asked: Option<Signal>,
    /// That signal, if the command was killed since its start was held up.
    gave_up_on: Option<Signal>,
    is_interrupted: bool,
}

impl Watch {
    fn new(leader: Pid, stdio: Stdio, signals: Signals, link: UnixStream, terminal: Option<Terminal>) -> Self {
        Self {
            leader,
            stdio,
            signals,
            link: Some(link),
            terminal,
            asked: None,
            gave_up_on: None,
            is_interrupted: false,
        }
    }

    fn run(&mut self) -> Result<u8> {
        loop {
            let has_typed = self.wait()?;
            if let Some(terminal) = &mut self.terminal {
                terminal.transfer(has_typed);
            }
            self.listen()?;
            while let Some(received) = self.signals.next()? {
                if received.signal != Signal::SIGCHLD {
                    self.pass_on(&received);
                } else if let Some(status) = self.look()? {
                    return Ok(status);
                }
            }
        }
    }

    /// Waits until there is something to do; returns whether something was typed.
    fn wait(&mut self) -> Result<bool> {
        let mut events = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        events.extend(self.link.iter().map(|link| PollFd::new(link.as_fd(), PollFlags::POLLIN)));
        let others = events.len();
        events.extend(self.terminal.iter().flat_map(Terminal::interest));
        let patience = if self.asked.is_some() { PATIENCE.into() } else { PollTimeout::NONE };
        match poll(&mut events, patience) {
            Ok(0) => {
                self.insist();
                return Ok(false);
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::os("wait for events", errno)),
        }
        let typed = events.get(others + 1).and_then(PollFd::revents);
        Ok(typed.is_some_and(|events| !events.is_empty()))
    }

    /// What the session leader says.
    fn listen(&mut self) -> Result<()> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let mut word = [0];
        let _ = link.set_nonblocking(true);
        match (link.read(&mut word), &mut self.terminal) {
            (Ok(1), Some(terminal)) if word[0] == session_leader::WANTS_INPUT => terminal.take_input(),
            (Ok(1), Some(terminal)) if word[0] == session_leader::ENDED => {
                terminal.drain();
                self.link = None;
            }
            (Ok(1), _) if word[0] == session_leader::STOPPED => {
                let mut pid = [0; 4];
                // Written in one piece with the word. The command may be awake again: then nothing would wake us.
                if link.read_exact(&mut pid).is_ok() && is_stopped(i32::from_ne_bytes(pid)) {
                    return self.stop();
                }
            }
            // The session leader has ended: SIGCHLD follows.
            (Ok(0), _) => self.link = None,
            _ => {}
        }
        Ok(())
    }

    fn pass_on(&mut self, received: &Received) {
        let signal = received.signal;
        if matches!(signal, Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP | Signal::SIGQUIT) {
            self.is_interrupted = true;
            self.asked = Some(signal);
        }
        match (signal, &mut self.terminal) {
            // The new terminal reports its size to the command.
            (Signal::SIGWINCH, Some(terminal)) => return terminal.resize(),
            (Signal::SIGCONT, Some(terminal)) => terminal.resume(),
            _ => {}
        }
        // In our process group the command gets what the terminal sends us, and is stopped and woken with us by the
        // caller's shell: to do the same once more, a little later, would undo what came in between.
        let is_groups = received.is_kernels || matches!(signal, Signal::SIGTSTP | Signal::SIGCONT);
        if self.stdio.has_session || !is_groups {
            self.send(signal, received.is_kernels);
        }
    }

    fn send(&self, signal: Signal, is_kernels: bool) {
        // What comes from a terminal is for the whole group, and a job that is woken is woken as a whole.
        let is_for_group = is_kernels || signal == Signal::SIGCONT;
        // The session leader may have ended: we have not waited for it, so its PID is not reused.
        let _ = sys::sigqueue(self.leader, signal, if is_for_group { TO_GROUP } else { 0 });
    }

    /// The exit status, if the session leader has ended.
    fn look(&mut self) -> Result<Option<u8>> {
        match waitpid(self.leader, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                Err(Error::failed(format!("the process that watched the command was killed ({signal})")))
            }
            Ok(WaitStatus::Exited(leader, code)) => Ok(exit_status(match self.gave_up_on {
                Some(signal) => WaitStatus::Signaled(leader, signal, false),
                None => WaitStatus::Exited(leader, code),
            })),
            Ok(_) | Err(Errno::EINTR) => Ok(None),
            Err(errno) => Err(Error::os("wait for the command", errno)),
        }
    }

    /// Has the session leader kill the command if its start is held up, as a container's file system can do for as long as it likes:
    /// the session leader reads no signal before the command is executed.
    fn insist(&mut self) {
        let is_pending = |signal: &Signal| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.leader)).unwrap_or_default();
            let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
            let pending = pending.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
            pending.is_some_and(|set| set & (1 << (*signal as i32 - 1)) != 0)
        };
        self.gave_up_on = self.asked.take().filter(is_pending);
        if self.gave_up_on.is_some() {
            self.link = None;
        }
    }

    /// Stops as the command did, for the caller's shell to see, until SIGCONT.
    fn stop(&mut self) -> Result<()> {
        if let Some(terminal) = &mut self.terminal {
            terminal.drain();
            terminal.leave();
        }
        let stop: SigSet = [Signal::SIGTSTP].into_iter().collect();
        let through = || "let a stop through";
        raise(Signal::SIGTSTP).context(through)?;
        sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&stop), None).context(through)?;
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&stop), None).context(through)?;
        // If no shell is there to wake us, the kernel does not stop us, and the command must not stay stopped either.
        // Otherwise a SIGCONT is pending and is passed on; or the next stop, which has taken that SIGCONT's place (`signal(7)`).
        if !sys::is_pending(Signal::SIGCONT) && !sys::is_pending(Signal::SIGTSTP) {
            if let Some(terminal) = &mut self.terminal {
                terminal.resume();
            }
            self.send(Signal::SIGCONT, true);
        }
        Ok(())
    }
}

/// Whether /proc/PID/stat shows a process as stopped.
fn is_stopped(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name, which may contain anything.
    stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'))
}
