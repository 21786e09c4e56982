//! Times on the command line.

use std::time::Duration;

use crate::error::{Error, Result};

/// The longest time that can be asked for, in seconds: a year. Multiples of it are times still.
const LONGEST: f64 = 365.0 * 24.0 * 60.0 * 60.0;

/// Reads a number of seconds, which may have a fraction.
///
/// # Errors
/// If it is none, is negative, or is more than a year.
pub fn seconds(text: &str) -> Result<Duration> {
    let none = || Error::failed(format!("\"{text}\" is not a number of seconds"));
    let seconds: f64 = text.parse().map_err(|_| none())?;
    if seconds > LONGEST {
        return Err(Error::failed(format!("at most {LONGEST} seconds")));
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_no_longer_than_can_be_waited_for() {
        assert_eq!(seconds("0.5").unwrap(), Duration::from_millis(500));
        assert_eq!(seconds("0").unwrap(), Duration::ZERO);
        for bad in ["-1", "nan", "inf", "x", "1e19", "1e300", "31536001"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
