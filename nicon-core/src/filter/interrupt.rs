//! Signals that end a run between two steps and not in the middle of one: for programs that change things.

use std::cell::Cell;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::cli;
use super::wait::{self, wait_for_input};
use crate::proc::status_field;
use crate::{Context, Error, Result, Status};

/// The signals by which a process is ended from outside, and which can be held back; see `signal(7)`.
const ENDING: [Signal; 14] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGXCPU,
    Signal::SIGXFSZ,
    Signal::SIGIO,
    Signal::SIGPWR,
    Signal::SIGSTKFLT,
];

/// How long the input is still read once the run is interrupted. Whoever writes it was mostly interrupted as well.
const LINGER: Duration = Duration::from_secs(1);

/// What interrupts a run. Nothing does in a program that does not [`run`] in it.
#[derive(Default)]
pub struct Interrupt {
    signals: Option<SignalFd>,
    seen: Cell<Option<(Signal, Instant)>>,
}

/// Runs a filter as [`cli::run`] does. A signal that would end it is held back: the filter asks for it between two steps. When
/// it has ended, the program ends by the signal.
pub fn run(program: &str, filter: impl FnOnce(&Interrupt) -> Result<Status>) -> ExitCode {
    let mut signal = None;
    let code = cli::run(program, || {
        let interrupt = Interrupt::hold_back()?;
        let ended = filter(&interrupt);
        // A signal that came when all was done, and that nobody asked for, does not count.
        signal = interrupt.seen.get().map(|(signal, _)| signal);
        ended
    });
    if let Some(signal) = signal {
        let mut set = SigSet::empty();
        set.add(signal);
        let _ = raise(signal).and_then(|()| set.thread_unblock());
    }
    code
}

impl Interrupt {
    fn hold_back() -> Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mut set = SigSet::empty();
        ENDING.into_iter().filter(|signal| !is_ignored(&status, *signal)).for_each(|signal| set.add(signal));
        set.thread_block().context(|| "hold back signals")?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        Ok(Self { signals: Some(signals.context(|| "read signals")?), seen: Cell::new(None) })
    }

    /// The signal that has come, if one has.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        if self.seen.get().is_none()
            && let Some(signals) = &self.signals
            && let Ok(Some(read)) = signals.read_signal()
        {
            let signal = i32::try_from(read.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok());
            self.seen.set(signal.map(|signal| (signal, Instant::now())));
        }
        self.seen.get().map(|(signal, _)| signal)
    }

    /// Fails once a signal has come.
    ///
    /// # Errors
    /// [`Status::Failed`] with its name.
    pub fn check(&self) -> Result<()> {
        self.signal().map_or(Ok(()), |signal| Err(Error::failed(format!("interrupted by {signal}"))))
    }

    /// Sleeps for a time, or until a signal comes.
    pub fn sleep(&self, time: Duration) {
        let Some(signals) = &self.signals else { return std::thread::sleep(time) };
        let (begun, mut left) = (Instant::now(), time);
        while !left.is_zero() && self.signal().is_none() {
            let _ = wait_for_input(&[signals.as_fd()], Some(left));
            left = time.saturating_sub(begun.elapsed());
        }
    }

    /// Waits until one of some files can be read from, the time is over, or a signal comes, and tells which of the files it is.
    ///
    /// # Errors
    /// As [`wait()`](wait::wait): once the reader of standard output has left.
    pub fn wait(&self, files: &[BorrowedFd<'_>], limit: Option<Duration>) -> Result<Vec<bool>> {
        if self.signal().is_some() {
            return Ok(vec![false; files.len()]);
        }
        let signals = self.signals.iter().map(AsFd::as_fd);
        let all: Vec<_> = files.iter().copied().chain(signals).collect();
        let mut ready = wait::wait(&all, limit)?;
        ready.truncate(files.len());
        Ok(ready)
    }

    /// A reader of `input` that waits for it until a signal comes, and then reads what is there already.
    pub fn reader<R>(&self, input: R) -> Interruptible<'_, R> {
        Interruptible { input, interrupt: self }
    }

    /// Whether the input may be read: not if that would wait, and the run is interrupted.
    fn may_read(&self, input: BorrowedFd<'_>) -> io::Result<bool> {
        let Some(signals) = &self.signals else { return Ok(true) };
        if self.signal().is_none() {
            wait_for_input(&[input, signals.as_fd()], None)?;
            if self.signal().is_none() {
                return Ok(true);
            }
        }
        let is_late = self.seen.get().is_some_and(|(_, at)| at.elapsed() > LINGER);
        Ok(!is_late && wait_for_input(&[input], Some(Duration::ZERO))?[0])
    }
}

/// A reader for which a signal is the end of its input.
pub struct Interruptible<'a, R> {
    input: R,
    interrupt: &'a Interrupt,
}

impl<R: Read + AsFd> Read for Interruptible<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupt.may_read(self.input.as_fd())? { self.input.read(buffer) } else { Ok(0) }
    }
}

/// Whether this program was started to ignore a signal, as by `nohup(1)`. A signal that is held back is queued even so.
fn is_ignored(status: &str, signal: Signal) -> bool {
    let ignored = status_field(status, "SigIgn").and_then(|mask| u64::from_str_radix(mask, 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (signal as i32 - 1)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nohup_ignores_is_not_held_back() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, Signal::SIGHUP) && !is_ignored(status, Signal::SIGTERM));
        assert!(!is_ignored("", Signal::SIGHUP));
    }

    #[test]
    fn nothing_interrupts_where_nothing_is_held_back() {
        let interrupt = Interrupt::default();
        let mut text = String::new();
        interrupt.reader(std::fs::File::open("/proc/self/comm").unwrap()).read_to_string(&mut text).unwrap();
        interrupt.sleep(Duration::from_millis(1));
        assert!(!text.is_empty() && interrupt.signal().is_none() && interrupt.check().is_ok());
    }
}
