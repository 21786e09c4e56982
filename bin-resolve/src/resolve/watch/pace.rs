//! When a site may be looked at again: as soon as it rings, but a site that never stops ringing takes a small part of our time only,
//! and one that fails is tried again ever more rarely.

use std::time::{Duration, Instant};

/// How much longer than the last look took a site is left alone after it.
const REST: u32 = 4;

/// The longest that a site is left alone although it rings.
const MAX_REST: Duration = Duration::from_secs(1);

/// When a site is looked at again that could not be looked at, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const MAX_RETRY: Duration = Duration::from_secs(30);

/// The looks at one site.
#[derive(Default)]
pub(super) struct Pace {
    /// When the look that is under way began.
    began: Option<Instant>,
    /// Whether it rang since.
    rang: bool,
    /// Before when no look may begin.
    rests_until: Option<Instant>,
    /// Whether somebody has been asked to wake us then.
    is_awaited: bool,
    /// How many looks in a row have failed.
    failures: u32,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    Look,
    Wait(Duration),
}

impl Pace {
    /// Whether a look is under way.
    pub(super) fn is_looking(&self) -> bool {
        self.began.is_some()
    }

    /// The site rings, or the time has come for which a wait was asked.
    pub(super) fn ring(&mut self, now: Instant) -> Next {
        self.rang = true;
        self.next(now)
    }

    /// The wait is over.
    pub(super) fn wake(&mut self, now: Instant) -> Next {
        self.is_awaited = false;
        self.next(now)
    }

    fn next(&mut self, now: Instant) -> Next {
        if !self.rang || self.is_looking() || self.is_awaited {
            return Next::Nothing;
        }
        match self.rests_until.map(|until| until.saturating_duration_since(now)) {
            None | Some(Duration::ZERO) => {
                (self.rang, self.began) = (false, Some(now));
                Next::Look
            }
            Some(left) => {
                self.is_awaited = true;
                Next::Wait(left)
            }
        }
    }

    /// The look is over.
    pub(super) fn looked(&mut self, now: Instant, has_failed: bool) -> Next {
        let took = self.began.take().map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        self.rests_until = Some(now + (took * REST).min(MAX_REST));
        if !has_failed {
            self.failures = 0;
            return self.next(now);
        }
        self.failures = self.failures.saturating_add(1);
        let retry = FIRST_RETRY * 2_u32.saturating_pow(self.failures.saturating_sub(1).min(16));
        match self.next(now) {
            Next::Nothing if !self.is_awaited => {
                (self.rang, self.is_awaited) = (true, true);
                Next::Wait(retry.min(MAX_RETRY))
            }
            next => next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_ring_is_followed_at_once_and_a_flood_leaves_time_for_others() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.ring(now), Next::Look);
        assert_eq!(pace.ring(now + MS), Next::Nothing, "it is being looked at");
        assert_eq!(pace.looked(now + 3 * MS, false), Next::Wait(12 * MS), "it rang meanwhile");
        assert_eq!(pace.ring(now + 4 * MS), Next::Nothing, "one wait is enough");
        assert_eq!(pace.wake(now + 15 * MS), Next::Look);
        assert_eq!(pace.looked(now + 18 * MS, false), Next::Nothing);
        assert_eq!(pace.ring(now + 100 * MS), Next::Look, "after a rest it is heard at once");
        assert_eq!(pace.looked(now + 60_000 * MS, false), Next::Nothing);
        assert_eq!(pace.ring(now + 60_000 * MS), Next::Wait(MAX_REST));
    }

    #[test]
    fn what_fails_is_tried_again_ever_more_rarely() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        assert_eq!(pace.ring(now), Next::Look);
        let mut waits = Vec::new();
        for _ in 0..12 {
            let Next::Wait(wait) = pace.looked(now, true) else { panic!("it is tried again") };
            waits.push(wait);
            now += wait;
            assert_eq!(pace.wake(now), Next::Look);
        }
        assert_eq!(waits[..3], [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY]);
        assert_eq!(waits.last(), Some(&MAX_RETRY));
        assert_eq!(pace.looked(now, false), Next::Nothing);
    }
}
