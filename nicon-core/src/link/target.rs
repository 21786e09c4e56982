//! Whose network namespace is meant, as options and records name it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::Value;

use crate::{Error, Record, Result};

/// What our own network namespace is called, on the command line and in a record's `target`.
pub const HOST: &str = "host";

/// Where `ip netns add` puts its files.
pub const NAMED: &str = "/run/netns";

/// A network namespace by one of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Our own: `host`.
    Host,
    /// That of the process with this PID.
    Pid(i32),
    /// That which this file names: `/run/netns/blue`, or `blue` for short.
    File(PathBuf),
}

/// The file of a network namespace that was called by the name that `ip netns` gave it, or by a path.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    if name.contains('/') { name.into() } else { Path::new(NAMED).join(name) }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            _ if text == HOST => Ok(Self::Host),
            Ok(pid) if pid > 0 => Ok(Self::Pid(pid)),
            Err(_) if !is_number && !matches!(text, "" | "." | "..") && !text.starts_with('-') => {
                Ok(Self::File(path(text)))
            }
            _ => Err(Error::invalid(format!(
                "\"{text}\" is neither a PID, the name or file of a network namespace, nor \"{HOST}\""
            ))),
        }
    }
}

impl TryFrom<&Value> for Target {
    type Error = Error;

    /// What a field of a record names, where that is no record itself.
    fn try_from(value: &Value) -> Result<Self> {
        match value {
            Value::String(text) => text.parse(),
            Value::Number(pid) => pid.to_string().parse(),
            _ => Err(Error::invalid("expected a record, a PID or a name")),
        }
    }
}

impl From<&Target> for Record {
    fn from(target: &Target) -> Self {
        let mut record = Self::default();
        match target {
            Target::Host => record.set("target", HOST),
            Target::Pid(pid) => record.set("pid", pid),
            Target::File(path) => record.set("target", path),
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_namespaces() {
        for (text, target) in [
            ("host", Target::Host),
            ("42", Target::Pid(42)),
            ("blue", Target::File("/run/netns/blue".into())),
            ("/proc/42/ns/net", Target::File("/proc/42/ns/net".into())),
        ] {
            assert_eq!(text.parse::<Target>().unwrap(), target);
        }
        for text in ["", "0", "-1", "99999999999", ".", ".."] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
