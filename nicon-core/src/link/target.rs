//! Whose network namespace is meant, as options and records name it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::Value;

use crate::path::{HOST, Start, Subject};
use crate::{Error, Record, Result};

/// Where `ip netns add` puts its files.
pub const NAMED: &str = "/run/netns";

/// A network namespace by one of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Our own: `host`.
    Host,
    /// That of the process with this PID.
    Pid(i32),
    /// That which this file names: `/run/netns/blue`, or `netns:blue` or `blue` for short.
    File(PathBuf),
}

impl Target {
    /// What a record's `target` names other than a container; `None` where it is the path of a container. What begins with a slash
    /// is a file, as nicon 0.1 wrote it.
    ///
    /// # Errors
    /// As [`Start::parse`].
    pub fn without_container(target: &str) -> Result<Option<Self>> {
        Ok(match Start::parse(target)? {
            Some(start) => Some(start.into()),
            None if target.starts_with('/') => Some(Self::File(target.into())),
            None => None,
        })
    }
}

impl From<Start<'_>> for Target {
    fn from(start: Start<'_>) -> Self {
        match start {
            Start::Host => Self::Host,
            Start::Netns(name) => Self::File(path(name)),
            Start::File(file) => Self::File(file.to_owned()),
        }
    }
}

/// The file of a network namespace that was called by the name that `ip netns` gave it, or by a path.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    if name.contains('/') { name.into() } else { Path::new(NAMED).join(name) }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(start) = Start::parse(text)? {
            return Ok(start.into());
        }
        match Subject::parse(text) {
            Ok(Subject::Process(pid)) => return Ok(Self::Pid(pid)),
            Ok(Subject::Unit(_)) => {
                return Err(Error::invalid(format!("\"{text}\" is for nicon-resolve, which finds the unit's process")));
            }
            _ => {}
        }
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
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
            Target::File(path) => record.set("target", file_target(path)),
        }
        record
    }
}

/// How a record's `target` names a file.
fn file_target(path: &Path) -> String {
    if let Some(name) = path.file_name().filter(|_| path.parent() == Some(Path::new(NAMED))) {
        return format!("netns:{}", name.display());
    }
    // Whoever reads the record may be in another directory.
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!("file:{}", whole.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_name_them_so_that_a_path_is_told_from_them() {
        for (target, text) in [
            (Target::Host, r#"{"target":"host"}"#),
            (Target::Pid(42), r#"{"pid":42}"#),
            (Target::File("/run/netns/blue".into()), r#"{"target":"netns:blue"}"#),
            (Target::File("/proc/42/ns/net".into()), r#"{"target":"file:/proc/42/ns/net"}"#),
            (Target::File("/run/netns/a/b".into()), r#"{"target":"file:/run/netns/a/b"}"#),
            (Target::File("/run/netns/..".into()), r#"{"target":"file:/run/netns/.."}"#),
        ] {
            let record = Record::from(&target);
            assert_eq!(record.to_line(), text);
            let read = record.text("target").unwrap().map(|target| Target::without_container(target).unwrap());
            assert_eq!(read, (target != Target::Pid(42)).then_some(Some(target)));
        }
        let here = std::env::current_dir().unwrap().join("x/net");
        let record = Record::from(&"./x/net".parse::<Target>().unwrap());
        assert_eq!(record.cell("target"), format!("file:{}", here.display()));
        assert_eq!(Target::without_container("a.b").unwrap(), None);
        assert_eq!(Target::without_container("/run/netns/red").unwrap(), Some(Target::File("/run/netns/red".into())));
    }

    #[test]
    fn names_of_namespaces() {
        for (text, target) in [
            ("host", Target::Host),
            ("42", Target::Pid(42)),
            ("blue", Target::File("/run/netns/blue".into())),
            ("/proc/42/ns/net", Target::File("/proc/42/ns/net".into())),
            ("pid:42", Target::Pid(42)),
            ("netns:my.net", Target::File("/run/netns/my.net".into())),
            ("file:/proc/42/ns/net", Target::File("/proc/42/ns/net".into())),
        ] {
            assert_eq!(text.parse::<Target>().unwrap(), target);
        }
        for text in ["", "0", "-1", "99999999999", ".", "..", "netns:", "file:x", "host.a", "unit:ssh"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
