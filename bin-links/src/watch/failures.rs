//! The failures that were reported: what fails is retried again and again, and reported once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A failure that has not occurred for this long is news again.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// When each failure was seen last.
#[derive(Default)]
pub(super) struct Failures(HashMap<String, Instant>);

impl Failures {
    /// Takes note of a failure, and returns whether it is to be told.
    pub(super) fn is_new(&mut self, failure: String, now: Instant) -> bool {
        self.0.retain(|_, seen| now.saturating_duration_since(*seen) < FORGOTTEN);
        self.0.insert(failure, now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_failing_is_told_once() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let mut is_new =
            |failure: &str, second| failures.is_new(failure.to_owned(), start + Duration::from_secs(second));
        assert!(is_new("a", 0) && is_new("b", 1));
        for second in 1..30 {
            assert!(!is_new("a", second) && !is_new("b", second), "{second}");
        }
        assert!(!is_new("a", 35) && is_new("b", 45) && is_new("a", 46));
    }
}
