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
    /// The monitors, and whether it was begun to look for them before something may have `changed`.
    pub(super) fn get(&self, changed: Instant) -> (Monitors, bool) {
        self.get_at(Instant::now(), changed)
    }

    fn get_at(&self, now: Instant, changed: Instant) -> (Monitors, bool) {
        let mut recent = self.0.borrow_mut();
        if let Some((since, monitors)) = &*recent
            && now.saturating_duration_since(*since) < SHARED
        {
            return (monitors.clone(), *since < changed);
        }
        let monitors = Monitors::default();
        *recent = Some((now, monitors.clone()));
        (monitors, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many sites there are: what one of them has others look for is new to all of them.
    #[test]
    fn each_looks_again_once() {
        const SITES: u32 = 300;
        let (recent, start, ms) = (RecentMonitors::default(), Instant::now(), Duration::from_millis(1));
        let overlooked = |begin: Duration, changed: Instant| {
            (0..SITES).filter(|site| recent.get_at(start + begin + *site * ms / 10, changed).1).count()
        };
        assert!(!recent.get_at(start, start).1, "nobody has looked before");
        assert_eq!(overlooked(5 * ms, start + 5 * ms), 300, "what has changed since may be overlooked");
        assert_eq!(overlooked(5 * ms + SHARED, start + 5 * ms), 0);
        assert_eq!(overlooked(10 * ms + SHARED, start + 5 * ms), 0, "and a look for what had changed before");
    }
}
