//! Times on the command line.

use std::time::Duration;

use crate::error::{Error, Result};

/// The longest time, in seconds: a year. Who asks for more means "for good", and multiples of it are times still.
const LONGEST: f64 = 365.0 * 24.0 * 60.0 * 60.0;

/// Reads a number of seconds, which may have a fraction. More than a year is a year.
///
/// # Errors
/// If it is none, or is negative.
pub fn seconds(text: &str) -> Result<Duration> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.min(LONGEST)).ok());
    time.ok_or_else(|| Error::failed(format!("\"{text}\" is not a number of seconds")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_no_longer_than_can_be_waited_for() {
        assert_eq!(seconds("0.5").unwrap(), Duration::from_millis(500));
        assert_eq!(seconds("0").unwrap(), Duration::ZERO);
        for long in ["1e19", "1e300", "31536001"] {
            assert_eq!(seconds(long).unwrap(), Duration::from_hours(8760), "{long}");
        }
        for bad in ["-1", "nan", "inf", "x", ""] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
