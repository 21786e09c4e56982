//! The name of a lab.

use crate::witness;
use std::{fmt, str::FromStr};

/// Names a lab by its keeper: PID and start time, so that a reused PID is never taken for a lab that is alive.
///
/// Reads `nicon-lab-PID-STARTTIME`. Everything of the lab that could collide with another lab carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabName {
    pid: u32,
    start_time: u64,
}

const PREFIX: &str = "nicon-lab-";

impl LabName {
    /// The name of the lab whose keeper is the calling process.
    ///
    /// # Errors
    /// When /proc does not show the calling process.
    pub fn of_this_keeper() -> Result<Self, String> {
        let pid = std::process::id();
        let stat = witness::stat(pid).ok_or("read /proc/self/stat: not there")?;
        Ok(Self { pid, start_time: stat.start_time })
    }

    /// PID of the keeper.
    #[must_use]
    pub fn keeper(&self) -> u32 {
        self.pid
    }

    /// Whether the keeper lives.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        witness::stat(self.pid).is_some_and(|stat| stat.start_time == self.start_time && stat.state != 'Z')
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}-{}", self.pid, self.start_time)
    }
}

impl FromStr for LabName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (pid, start_time) = text.strip_prefix(PREFIX)?.split_once('-')?;
            Some(Self { pid: pid.parse().ok()?, start_time: start_time.parse().ok()? })
        };
        parse().ok_or_else(|| format!("not the name of a lab: {text:?}"))
    }
}
