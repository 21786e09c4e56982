//! When a kept plan is looked at again: when records come, and, as long as anything fails, after a time and when a link comes to our
//! own network namespace, such as a card whose container has ended.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nicon_core::Result;
use nicon_rtnl::NetnsHandle;
use nicon_rtnl::monitor::{Event, Monitor};

use crate::wire::context::Context;
use crate::wire::read::{Row, Rows};

/// After what time something that failed is tried again at first, and at last.
const TRIES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// After what time something that is not usable yet is looked at again at first, and at last.
pub(super) const LOOKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// How long a try waits after a link has come: many may come at once.
const LEAST: Duration = Duration::from_millis(100);

/// What comes next.
pub(crate) enum Next {
    /// Records; none at the end of their stream.
    Rows(Vec<Row>),
    /// What failed is to be tried again.
    Again,
    /// What is not usable yet is to be looked at.
    Look,
    /// A signal has come.
    Interrupted,
}

/// When what failed is tried again, and what is waited for looked at.
#[derive(Default)]
pub(crate) struct Again {
    /// `None` if nothing fails.
    tries: Option<Pause>,
    /// `None` if nothing is waited for.
    looks: Option<Pause>,
    arrivals: Option<Arrivals>,
}

/// A wait that is twice as long each time.
#[derive(Clone, Copy)]
struct Pause {
    length: Duration,
    end: Instant,
}

impl Pause {
    /// The next one behind the `last`, which is over.
    fn next(last: Option<Self>, (first, longest): (Duration, Duration)) -> Self {
        let length = last.map_or(first, |last| (last.length * 2).min(longest));
        Self { length, end: Instant::now() + length }
    }

    fn is_over(&self) -> bool {
        self.end <= Instant::now()
    }
}

impl Again {
    /// Plans what comes behind a pass: if anything `is_failing`, it is tried again after a second if there was news, and else after twice the last time.
    pub(crate) fn plan_try(&mut self, is_failing: bool, is_news: bool, home: &NetnsHandle) {
        if !is_failing {
            (self.tries, self.arrivals) = (None, None);
            return;
        }
        // A look alone puts no try off.
        let last = self.tries.filter(|_| !is_news);
        if last.is_none_or(|last| last.is_over()) {
            self.tries = Some(Pause::next(last, TRIES));
        }
        if self.arrivals.is_none() {
            // Without them there is the time.
            self.arrivals = Arrivals::new(home).ok();
        }
    }

    /// The same for what `is_awaited`, which is looked at soon.
    pub(crate) fn plan_look(&mut self, is_awaited: bool, is_news: bool) {
        let last = self.looks.filter(|_| !is_news);
        self.looks = is_awaited.then(|| Pause::next(last, LOOKS));
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    /// If the reader of standard output has left, or what comes cannot be read.
    pub(crate) fn wait(&mut self, context: &Context<'_>, rows: &mut Rows<'_>) -> Result<Next> {
        let stdin = io::stdin();
        loop {
            let end = self.tries.iter().chain(&self.looks).map(|pause| pause.end).min();
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let arrivals = self.arrivals.as_ref().map(|arrivals| arrivals.monitor.as_fd());
            let files: Vec<_> = [stdin.as_fd()].into_iter().chain(arrivals).collect();
            let ready = context.interrupt.wait(&files, left)?;
            if context.interrupt.signal().is_some() {
                return Ok(Next::Interrupted);
            }
            if ready[0] {
                return rows.next().map(Next::Rows);
            }
            if self.tries.is_some_and(|pause| pause.is_over()) {
                return Ok(Next::Again);
            }
            if self.looks.is_some_and(|pause| pause.is_over()) {
                return Ok(Next::Look);
            }
            if ready.get(1) == Some(&true) {
                self.see_arrivals(&context.namespaces.home);
            }
        }
    }

    fn see_arrivals(&mut self, home: &NetnsHandle) {
        match self.arrivals.as_mut().map(|arrivals| arrivals.has_come(home)) {
            Some(Ok(true)) => {
                // The next one after this is again the first.
                let soon = Instant::now() + LEAST;
                self.tries = self.tries.map(|pause| Pause { length: TRIES.0 / 2, end: pause.end.min(soon) });
            }
            Some(Err(_)) => self.arrivals = None,
            _ => {}
        }
    }
}

/// Which links come to a network namespace.
struct Arrivals {
    monitor: Monitor,
    /// The names of those that are there, by ifindex.
    known: BTreeMap<u32, String>,
}

impl Arrivals {
    fn new(home: &NetnsHandle) -> Result<Self> {
        let monitor = home.monitor()?;
        let known = home.netlink.links(None)?.entries.into_iter().map(|link| (link.ifindex, link.name)).collect();
        Ok(Self { monitor, known })
    }

    /// Whether a link has come since the last time, or has a new name, and is there still: those that a try has made and removed
    /// again are no reason for another.
    fn has_come(&mut self, home: &NetnsHandle) -> Result<bool> {
        let mut has_come = false;
        for event in self.monitor.events()? {
            match event {
                Event::Link(link) if self.known.get(&link.ifindex) != Some(&link.name) => {
                    let now = home.netlink.link_at(link.ifindex)?;
                    has_come |= now.is_some();
                    self.known.extend(now.map(|now| (now.ifindex, now.name)));
                }
                Event::Gone(link) => drop(self.known.remove(&link.ifindex)),
                Event::Overrun => {
                    has_come = true;
                    self.known = Self::new(home)?.known;
                }
                _ => {}
            }
        }
        Ok(has_come)
    }
}
