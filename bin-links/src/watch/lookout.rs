//! When to look for network namespaces that have come and gone. Of those that have a name, or are mounted anywhere, as engines do,
//! the kernel tells; so it does of links that lead into one. Of the others it does not: those are found within some time.

use std::time::{Duration, Instant};

/// How often we wake to see whether any process was started.
const TICK: Duration = Duration::from_secs(1);

/// After how many ticks we look in any case: a process may move to a new namespace long after it was started.
const TICKS: u32 = 10;

/// The least time between two looks, and how many times as long as the last one took.
const PAUSE: Duration = Duration::from_millis(20);
const SHARE: u32 = 4;

pub(super) struct Lookout {
    /// Whether processes are looked at, and not names alone.
    all: bool,
    /// When to look, if anything has happened.
    due: Option<Instant>,
    /// Before this we do not look again.
    earliest: Instant,
    tick: Instant,
    ticks: u32,
    /// The newest process at the last two ticks.
    newest: [Option<String>; 2],
}

impl Lookout {
    pub(super) fn new(all: bool) -> Self {
        let now = Instant::now();
        Self { all, due: None, earliest: now, tick: now + TICK, ticks: 0, newest: [None, None] }
    }

    /// Something has happened: look as soon as may be.
    pub(super) fn alert(&mut self) {
        self.due.get_or_insert(self.earliest);
    }

    /// How long to wait; `None` if there is nothing to look for.
    pub(super) fn wait(&self) -> Option<Duration> {
        let tick = self.all.then_some(self.tick);
        let next = self.due.into_iter().chain(tick).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        if self.all && now >= self.tick {
            self.tick = now + TICK;
            self.ticks += 1;
            // A process is started first, and moves then: it is looked for twice.
            let newest = newest_process();
            if self.ticks.is_multiple_of(TICKS) || self.newest.iter().any(|seen| *seen != newest) {
                self.alert();
            }
            self.newest.swap(0, 1);
            self.newest[1] = newest;
        }
        self.due.is_some_and(|due| now >= due)
    }

    /// Notes that we have looked, since this moment.
    pub(super) fn looked(&mut self, since: Instant) {
        let now = Instant::now();
        self.due = None;
        self.earliest = now + PAUSE.max((now - since) * SHARE);
    }
}

/// The PID that was given last; see `proc_loadavg(5)`.
fn newest_process() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().last().map(str::to_owned)
}
