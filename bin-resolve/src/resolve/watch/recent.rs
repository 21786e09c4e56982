//! The monitors of containers, which lead to engines in unusual places. To find them takes a look at every process, so that looks which
//! follow each other share what was found.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::engine::state::monitors::Monitors;

/// How long they are shared. Whoever has looked with what was known already looks again thereafter.
pub(super) const SHARED: Duration = Duration::from_secs(1);

/// The monitors that were found last, and when it was begun to look for them.
#[derive(Default)]
pub(super) struct RecentMonitors(RefCell<Option<(Instant, Monitors)>>);

impl RecentMonitors {
    /// The monitors, and whether they may have been known before.
    pub(super) fn get(&self) -> (Monitors, bool) {
        let mut recent = self.0.borrow_mut();
        if let Some((since, monitors)) = &*recent
            && since.elapsed() < SHARED
        {
            return (monitors.clone(), true);
        }
        let monitors = Monitors::default();
        *recent = Some((Instant::now(), monitors.clone()));
        (monitors, false)
    }
}
