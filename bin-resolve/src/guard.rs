//! A way out where a container's file system never answers.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nicon_core::{Error, cli};

use crate::run::PROGRAM;

/// Watches the calls that look into a container's file system. Whoever is root there may serve it himself (FUSE) and
/// leave a call unanswered for ever, which no time-out of an event loop and no signal ends, but the end of the program.
///
/// A thread for each such call would cost more than all the rest of a hop; this one only looks in from time to time.
pub(crate) struct Guard {
    limit: Duration,
    busy: Arc<Mutex<Option<Busy>>>,
    watcher: OnceLock<()>,
}

struct Busy {
    since: Instant,
    what: String,
}

impl Guard {
    /// A call may take as long as `limit`, and up to twice that where it began just behind the watcher's back.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, busy: Arc::default(), watcher: OnceLock::new() }
    }

    /// Makes a call that may hang. If it does, the program says `what` was done and ends, with status 2.
    pub(crate) fn during<T>(&self, what: &str, call: impl FnOnce() -> T) -> T {
        self.watcher.get_or_init(|| watch(self.limit, Arc::clone(&self.busy)));
        self.set(Some(Busy { since: Instant::now(), what: what.to_owned() }));
        let answer = call();
        self.set(None);
        answer
    }

    fn set(&self, busy: Option<Busy>) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = busy;
    }
}

fn watch(limit: Duration, busy: Arc<Mutex<Option<Busy>>>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(limit);
            let busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(Busy { what, .. }) = busy.as_ref().filter(|busy| busy.since.elapsed() >= limit) {
                let why =
                    format!("{what}: the container's file system does not answer; no more can be asked in this run");
                cli::report(PROGRAM, &Error::failed(why));
                std::process::exit(nicon_core::Status::Failed as i32);
            }
        }
    });
}
