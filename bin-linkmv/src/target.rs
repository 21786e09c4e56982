//! Whose network namespace is meant, as `--target` tells it.

use std::str::FromStr;

use nicon_core::{Error, Record};

use crate::place::HOST;

/// A process, or ourselves.
#[derive(Clone, Debug)]
pub enum Target {
    /// Our own network namespace: `host`.
    Host,
    /// The process with this PID.
    Pid(i32),
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.parse() {
            _ if text == HOST => Ok(Self::Host),
            Ok(pid) if pid > 0 => Ok(Self::Pid(pid)),
            _ => Err(Error::failed(format!("\"{text}\" is neither a PID nor \"{HOST}\""))),
        }
    }
}

impl From<&Target> for Record {
    fn from(target: &Target) -> Self {
        let mut record = Self::default();
        match target {
            Target::Host => record.set("target", HOST),
            Target::Pid(pid) => record.set("pid", pid),
        }
        record
    }
}
