//! When a site may be looked at again: as soon as it rings, but a site that never stops ringing takes a small part of our time only,
//! and one that fails is tried again ever more rarely.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// How much longer than the processor worked during a look its site is left alone after it.
const REST: u32 = 4;

/// The longest that a container is left alone although it rings, and our own machine, which nobody has ring but root and its users.
const MAX_REST: Duration = Duration::from_secs(10);
const MAX_REST_OF_OURS: Duration = Duration::from_secs(1);

/// When a site is looked at again that could not be looked at, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const MAX_RETRY: Duration = Duration::from_secs(30);

/// The looks at one site.
pub(super) struct Pace {
    /// The longest that the site is left alone although it rings.
    max_rest: Duration,
    /// How much processor time we had used when the look began that is under way.
    began: Option<Duration>,
    /// Whether it rang since.
    rang: bool,
    /// Before when no look may begin.
    rests_until: Option<Instant>,
    /// When we have asked to be woken.
    wakes_at: Option<Instant>,
    /// How many looks in a row have failed.
    failures: u32,
}

/// The time, and how much processor time we have used: an engine that takes its time costs us none.
#[derive(Clone, Copy)]
pub(super) struct Now {
    time: Instant,
    worked: Duration,
}

impl Now {
    pub(super) fn get() -> Self {
        let worked = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from);
        Self { time: Instant::now(), worked }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    Look,
    Wait(Duration),
}

impl Pace {
    /// That of a container, or of our own machine.
    pub(super) fn of(is_ours: bool) -> Self {
        let max_rest = if is_ours { MAX_REST_OF_OURS } else { MAX_REST };
        Self { max_rest, began: None, rang: false, rests_until: None, wakes_at: None, failures: 0 }
    }

    /// Whether a look is under way.
    pub(super) fn is_looking(&self) -> bool {
        self.began.is_some()
    }

    /// The site rings.
    pub(super) fn ring(&mut self, now: Now) -> Next {
        self.rang = true;
        self.next(now)
    }

    /// The time has come for which a wait was asked.
    pub(super) fn wake(&mut self, now: Now) -> Next {
        self.wakes_at = None;
        self.ring(now)
    }

    fn next(&mut self, now: Now) -> Next {
        if !self.rang || self.is_looking() {
            return Next::Nothing;
        }
        match self.rests_until.filter(|until| *until > now.time) {
            None => {
                (self.rang, self.wakes_at, self.began) = (false, None, Some(now.worked));
                Next::Look
            }
            // A wait for another attempt may be longer.
            Some(until) if self.wakes_at.is_none_or(|at| at > until) => self.wait(now, until),
            Some(_) => Next::Nothing,
        }
    }

    fn wait(&mut self, now: Now, until: Instant) -> Next {
        self.wakes_at = Some(until);
        Next::Wait(until.saturating_duration_since(now.time))
    }

    /// The look is over.
    pub(super) fn looked(&mut self, now: Now, has_failed: bool) -> Next {
        let worked = self.began.take().map_or(Duration::ZERO, |began| now.worked.saturating_sub(began));
        self.rests_until = Some(now.time + (worked * REST).min(self.max_rest));
        self.failures = if has_failed { self.failures.saturating_add(1) } else { 0 };
        match self.next(now) {
            Next::Nothing if has_failed => {
                let retry = FIRST_RETRY * 2_u32.saturating_pow(self.failures.saturating_sub(1).min(16));
                self.wait(now, now.time + retry.min(MAX_RETRY))
            }
            next => next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// So many milliseconds after the start, of which the processor has worked so many.
    fn at(start: Instant, time: u32, worked: u32) -> Now {
        Now { time: start + time * MS, worked: worked * MS }
    }

    #[test]
    fn a_ring_is_followed_at_once_and_a_flood_leaves_time_for_others() {
        let (mut pace, start) = (Pace::of(false), Instant::now());
        let now = |time, worked| at(start, time, worked);
        assert_eq!(pace.ring(now(0, 0)), Next::Look);
        assert_eq!(pace.ring(now(1, 1)), Next::Nothing, "it is being looked at");
        assert_eq!(pace.looked(now(30, 3), false), Next::Wait(12 * MS), "it rang meanwhile");
        assert_eq!(pace.ring(now(31, 3)), Next::Nothing, "one wait is enough");
        assert_eq!(pace.wake(now(42, 3)), Next::Look);
        assert_eq!(pace.looked(now(45, 6), false), Next::Nothing);
        assert_eq!(pace.ring(now(100, 6)), Next::Look, "after a rest it is heard at once");
        assert_eq!(pace.looked(now(60_000, 50_000), false), Next::Nothing);
        assert_eq!(pace.ring(now(60_000, 50_000)), Next::Wait(MAX_REST));
    }

    #[test]
    fn what_fails_is_tried_again_ever_more_rarely() {
        let (mut pace, start, mut time) = (Pace::of(false), Instant::now(), 0);
        assert_eq!(pace.ring(at(start, 0, 0)), Next::Look);
        let mut waits = Vec::new();
        for _ in 0..12 {
            let Next::Wait(wait) = pace.looked(at(start, time, 0), true) else { panic!("it is tried again") };
            waits.push(wait);
            time += u32::try_from(wait.as_millis()).unwrap();
            assert_eq!(pace.wake(at(start, time, 0)), Next::Look);
        }
        assert_eq!(waits[..3], [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY]);
        assert_eq!(waits.last(), Some(&MAX_RETRY));
        assert_eq!(pace.looked(at(start, time, 0), true), Next::Wait(MAX_RETRY));
        assert_eq!(pace.ring(at(start, time + 1, 0)), Next::Look, "whoever rings need not wait for that");
        assert_eq!(pace.looked(at(start, time + 1, 0), false), Next::Nothing);
    }
}
