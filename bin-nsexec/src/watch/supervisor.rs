//! The supervisor: what the caller knows as nicon-nsexec while the command runs. It passes signals on, stops and goes on
//! with the command, and carries what is typed and shown.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nicon_core::filter::output::report;
use nicon_core::frozen::is_frozen;
use nicon_core::walk::Proc;
use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, Pid, getpid};
use rustix::process::WaitOptions;

use super::child::{self, Change};
use super::left_behind;
use super::protocol::{Connection, Heard, Order, Report};
use super::session_leader::{self, Handover};
use super::signals::{Received, Signals, asks_to_end};
use crate::entry::Entry;
use crate::failure::{PROGRAM, fail};
use crate::stdio::{Input, Stdio};
use crate::sys;
use crate::sys::signal::SignalSet;
use crate::terminal::{CallersTerminal, Terminal};

/// How long the start of the command may still take once we are asked to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// After how many milliseconds without a sign of the command we look for the cause.
const LOOK_WHY: u16 = 2000;

/// The signals with which a shell stops and wakes its jobs.
const JOB_CONTROL: [Signal; 4] = [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU, Signal::SIGCONT];

/// How a watched command ended.
pub(crate) struct Ended {
    pub(crate) status: u8,
    /// Whether we were asked to end: by SIGTERM, SIGINT, SIGHUP or SIGQUIT.
    pub(crate) is_interrupted: bool,
}

/// Runs the command as a child and watches it to its end.
pub(crate) fn supervise(entry: &Entry<'_>, stdio: Stdio) -> Result<Ended> {
    let callers = if stdio.is_contained { CallersTerminal::find()? } else { None };
    // Without a terminal there is none to be shared.
    let has_session = stdio.is_contained && !(stdio.is_shared && callers.is_some());
    let signals = Signals::take()?;
    let terminal = callers.filter(|_| has_session).map(|callers| Terminal::open(callers, entry.shares_files_with()));
    let (mut terminal, far) = terminal.transpose()?.unzip();
    // In a pipeline the terminal may be in use by another: what is typed is the command's when it wants it.
    let is_at_terminal =
        std::io::stdout().is_terminal() && (stdio.input == Input::Terminal || std::io::stdin().is_terminal());
    let takes_input = |terminal: &&mut Terminal| is_at_terminal && terminal.is_in_foreground();
    let has_input = terminal.as_mut().filter(takes_input).map(|terminal| terminal.take_input(false)).is_some();
    let (connection, far_connection) = Connection::pair()?;
    match sys::fork().context(|| "start a child")? {
        ForkResult::Child => {
            drop(connection);
            // The caller's terminal is not the session leader's to put back.
            std::mem::forget(terminal);
            let input = stdio.input;
            session_leader::lead(
                entry,
                Handover {
                    signals: &signals,
                    connection: far_connection,
                    has_session,
                    terminal: far,
                    has_input,
                    input,
                },
            )
        }
        ForkResult::Parent { child } => {
            drop((far, far_connection));
            let mut watch = Supervisor {
                leader: child,
                has_session,
                signals: &signals,
                connection: Some(connection),
                orders: 0,
                terminal,
                target: entry.accounted_with(),
                is_executed: false,
                asked: None,
                give_up_at: None,
                gave_up_on: None,
                is_interrupted: false,
            };
            let status = watch.run();
            // Before a signal can end or stop us.
            watch.terminal = None;
            signals.give_back()?;
            // Also what has failed may have been asked to end.
            let status = status.unwrap_or_else(|error| fail(&error));
            Ok(Ended { status, is_interrupted: watch.is_interrupted })
        }
    }
}

struct Supervisor<'a> {
    leader: Pid,
    has_session: bool,
    signals: &'a Signals,
    /// When it is closed, the session leader kills the command and ends.
    connection: Option<Connection>,
    /// How many orders were given.
    orders: u32,
    terminal: Option<Terminal>,
    /// The process whose cgroups the command joins, until it was told that these are frozen.
    target: Option<&'a Process>,
    is_executed: bool,
    /// The signal that asked the command to end before it was executed.
    asked: Option<i32>,
    /// When the command is killed if it has not been executed by then, since it was asked to end.
    give_up_at: Option<Instant>,
    /// That signal, if the command was killed since its start was held up.
    gave_up_on: Option<i32>,
    is_interrupted: bool,
}

impl Supervisor<'_> {
    fn run(&mut self) -> Result<u8> {
        loop {
            self.wait()?;
            if let Some(terminal) = &mut self.terminal {
                terminal.transfer(self.leader);
            }
            // If the caller's terminal is gone, ours is closed, and the kernel hangs up the command's in turn: there is nothing
            // left to read, and nobody to show it to.
            self.terminal.take_if(|terminal| terminal.is_gone());
            self.listen()?;
            while let Some(received) = self.signals.next()? {
                if received.number != Signal::SIGCHLD as i32 {
                    self.pass_on(received);
                } else if let Some(status) = self.look()? {
                    return Ok(status);
                }
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self) -> Result<()> {
        // A point in time, and not a time without events: the container's other processes can write to the command's terminal all
        // the time.
        let give_up_at = self.give_up_at.filter(|_| !self.is_executed);
        let may_be_frozen = self.target.is_some() && !self.is_executed;
        let typed = self.terminal.as_mut().and_then(Terminal::patience);
        let patience = match (give_up_at, may_be_frozen) {
            (Some(at), _) => Some(milliseconds_until(at)),
            (None, true) => Some(LOOK_WHY),
            (None, false) => typed,
        };
        let mut events = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        events.extend(self.connection.iter().map(|connection| PollFd::new(connection.as_fd(), PollFlags::POLLIN)));
        events.extend(self.terminal.iter().flat_map(Terminal::interest));
        match poll(&mut events, patience.map_or(PollTimeout::NONE, PollTimeout::from)) {
            Ok(0) if give_up_at.is_none() && may_be_frozen => self.tell_if_frozen(),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::os("wait for events", errno)),
        }
        if give_up_at.is_some_and(|at| at <= Instant::now()) {
            self.give_up();
        }
        Ok(())
    }

    /// Hears what the session leader says.
    fn listen(&mut self) -> Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        match connection.next()? {
            Heard::Said(Report::Executed) => self.is_executed = true,
            Heard::Said(Report::Stopped { pid, signal, orders }) => {
                let answer = self.stop(pid, signal, orders)?;
                self.order(answer);
            }
            Heard::Said(Report::Ended) => {
                if let Some(terminal) = &mut self.terminal {
                    // What is not shown now is lost, so only who asks us to end cuts it short, and the end of the session leader.
                    let requests = Signals::requests_to_end();
                    let requests = requests.as_ref().map_or_else(|_| self.signals.as_fd(), AsFd::as_fd);
                    terminal.drain(&[requests, connection.as_fd()]);
                }
                self.connection = None;
            }
            // The session leader has ended: SIGCHLD follows.
            Heard::End => self.connection = None,
            Heard::Nothing => {}
        }
        Ok(())
    }

    fn order(&mut self, order: Order) {
        if let Some(connection) = &self.connection {
            connection.say(order);
            self.orders = self.orders.wrapping_add(1);
        }
    }

    fn pass_on(&mut self, Received { number, is_kernels }: Received) {
        let is = |signal: Signal| number == signal as i32;
        // What we ignore the command ignores too, unless it chooses not to.
        if asks_to_end(number) {
            self.is_interrupted = true;
            self.asked = Some(number);
            self.give_up_at.get_or_insert_with(|| Instant::now() + PATIENCE);
        }
        match &mut self.terminal {
            // The new terminal reports its size to the command.
            Some(terminal) if is(Signal::SIGWINCH) => return terminal.resize(),
            Some(terminal) if is(Signal::SIGCONT) => {
                terminal.resume();
                let is_foreground = terminal.is_taken();
                return self.order(Order::Wake { is_foreground });
            }
            _ => {}
        }
        // In our process group the command gets what the terminal sends us, and is stopped and woken with us by the
        // caller's shell: to do the same once more, a little later, would undo what came in between.
        if self.has_session || !is_kernels && !JOB_CONTROL.into_iter().any(is) {
            // What comes from a terminal is for the whole group, and a job that is woken is woken as a whole.
            self.order(Order::Signal { number, is_for_group: is_kernels || is(Signal::SIGCONT) });
        }
    }

    /// The exit status, if the session leader has ended.
    fn look(&mut self) -> Result<Option<u8>> {
        let leader = self.leader;
        let reap = || child::wait(leader, WaitOptions::empty()).context(|| "wait for the command");
        match child::look(leader) {
            Ok(Change::Killed(signal)) => {
                // Before its PID can be another's.
                if self.has_session {
                    left_behind::kill_all(Some(leader), None)?;
                }
                reap()?;
                let signal =
                    Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |signal| signal.to_string());
                Err(Error::failed(format!("the process that watched the command was killed ({signal})")))
            }
            Ok(ended @ Change::Exited(_)) => {
                reap()?;
                let killed = self.gave_up_on.map(Change::Killed);
                Ok(killed.unwrap_or(ended).status())
            }
            Ok(_) | Err(Errno::EINTR) => Ok(None),
            Err(errno) => Err(Error::os("wait for the command", errno)),
        }
    }

    /// Says why nothing happens.
    fn tell_if_frozen(&mut self) {
        if self.target.take_if(|target| is_frozen(target)).is_some() {
            let cause = "the target's cgroup is frozen: the command starts when it is thawed (docker unpause; --no-cgroup stays out of it)";
            report(PROGRAM, &Error::failed(cause));
        }
    }

    /// Has the session leader kill the command, whose start is held up, as a container's file system can do for as long as it likes.
    fn give_up(&mut self) {
        self.gave_up_on = self.asked;
        self.give_up_at = None;
        self.connection = None;
    }

    /// Stops as the command did, for the caller's shell to see, until SIGCONT; returns what the session leader is to do then.
    fn stop(&mut self, command: i32, signal: i32, orders: u32) -> Result<Order> {
        let wants_terminal = signal == Signal::SIGTTIN as i32 || signal == Signal::SIGTTOU as i32;
        // What is on its way wakes the command, or may; and others may have woken it.
        if orders != self.orders || !is_stopped(command) {
            return Ok(Order::LookAgain);
        }
        if let Some(terminal) = self.terminal.as_mut().filter(|_| wants_terminal)
            && terminal.is_in_foreground()
        {
            terminal.take_input(true);
            return Ok(Order::Wake { is_foreground: true });
        }
        if let Some(terminal) = &mut self.terminal {
            // Any signal may ask for something else than a stop; what is not shown now is shown when we go on.
            terminal.drain(&[self.signals.as_fd()]);
            terminal.leave();
        }
        let is_woken = stop_ourselves(if wants_terminal { signal } else { Signal::SIGTSTP as i32 })?;
        let Some(terminal) = &mut self.terminal else {
            // In our process group, it was woken with us.
            let is_awake = is_woken && !self.has_session;
            return Ok(if is_awake { Order::LookAgain } else { Order::Wake { is_foreground: true } });
        };
        if !wants_terminal {
            terminal.resume();
        } else if terminal.is_in_foreground() {
            terminal.take_input(true);
        } else if !is_woken {
            // Nobody stops us, so nobody will ever give us the terminal.
            terminal.end_input();
            return Ok(Order::Wake { is_foreground: true });
        }
        // If it was let go on where it may not read, it will be stopped again.
        Ok(Order::Wake { is_foreground: terminal.is_taken() })
    }
}

/// As poll(2) takes it; the last fraction of one counts as a whole.
fn milliseconds_until(at: Instant) -> u16 {
    let left = at.saturating_duration_since(Instant::now());
    u16::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u16::MAX)
}

/// Stops until SIGCONT; whether it came. If no shell is there to wake us, the kernel does not stop us.
fn stop_ourselves(signal: i32) -> Result<bool> {
    let through = || "let a stop through";
    let woken = SignalSet::of(Signal::SIGCONT as i32);
    // It has come already.
    if sys::signal::take_pending(woken) {
        return Ok(true);
    }
    sys::signal::send(getpid(), signal).context(through)?;
    sys::signal::let_through(SignalSet::of(signal)).context(through)?;
    // The next stop may have taken the place of the SIGCONT (`signal(7)`).
    let stops = [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU].map(|signal| SignalSet::of(signal as i32));
    let stops = stops.into_iter().fold(woken, |all, stop| all | stop);
    let is_woken = sys::signal::pending().context(through)?.intersects(stops);
    // The command is woken by our answer. Once more, a little later, would undo what came in between.
    sys::signal::take_pending(woken);
    Ok(is_woken)
}

fn is_stopped(pid: i32) -> bool {
    Proc::open().ok().and_then(|proc| proc.process(pid).stat()).is_some_and(|stat| stat.stopped)
}
