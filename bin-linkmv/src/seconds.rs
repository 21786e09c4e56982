//! Times on the command line.

use std::time::Duration;

use nicon_core::{Error, Result};

/// A number of seconds, which may have a fraction.
pub(crate) fn seconds(text: &str) -> Result<Duration> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| Error::failed(format!("\"{text}\" is not a number of seconds")))
}
