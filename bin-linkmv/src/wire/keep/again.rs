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

/// After what time something that failed is tried again at first, and at last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How long nothing is tried again for links that come: many may come at once.
const LEAST: Duration = Duration::from_millis(100);

/// What comes next.
pub(crate) enum Next {
    /// Records.
    Rows,
    /// What failed is to be tried again.
    Again,
    /// A signal has come.
    Interrupted,
}

/// When what failed is tried again.
#[derive(Default)]
pub(crate) struct Again {
    /// What is waited for the next time; `None` if nothing fails.
    pause: Option<Duration>,
    at: Option<Instant>,
    arrivals: Option<Arrivals>,
}

impl Again {
    /// Plans it behind a pass: if anything `is_failing`, after a second if there was news, and else after twice the last time.
    pub(crate) fn plan(&mut self, is_failing: bool, is_news: bool, home: &NetnsHandle) {
        if !is_failing {
            *self = Self::default();
            return;
        }
        let pause = self.pause.filter(|_| !is_news).map_or(PAUSES.0, |last| (last * 2).min(PAUSES.1));
        self.pause = Some(pause);
        self.at = Some(Instant::now() + pause);
        if self.arrivals.is_none() {
            // Without them there is the time.
            self.arrivals = Arrivals::new(home).ok();
        }
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    /// If the reader of standard output has left.
    pub(crate) fn wait(&mut self, context: &Context<'_>) -> Result<Next> {
        let stdin = io::stdin();
        loop {
            let left = self.at.map(|at| at.saturating_duration_since(Instant::now()));
            let arrivals = self.arrivals.as_ref().map(|arrivals| arrivals.monitor.as_fd());
            let files: Vec<_> = [stdin.as_fd()].into_iter().chain(arrivals).collect();
            let ready = context.interrupt.wait(&files, left)?;
            if context.interrupt.signal().is_some() {
                return Ok(Next::Interrupted);
            }
            if ready[0] {
                return Ok(Next::Rows);
            }
            if self.at.is_some_and(|at| at <= Instant::now()) {
                return Ok(Next::Again);
            }
            if ready.get(1) == Some(&true) {
                self.see_arrivals(&context.namespaces.home);
            }
        }
    }

    fn see_arrivals(&mut self, home: &NetnsHandle) {
        match self.arrivals.as_mut().map(|arrivals| arrivals.has_come(home)) {
            Some(Ok(true)) => {
                let soon = Instant::now() + LEAST;
                self.at = self.at.map(|at| at.min(soon));
                self.pause = Some(PAUSES.0 / 2);
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
