//! What may belong to a container.

use nicon_core::ns::parse_link;
use nicon_core::{Error, NsType, Process, Record, Result};

/// Where the cgroups of all hierarchies are mounted: `cgroups(7)`.
const CGROUPS: &str = "/sys/fs/cgroup";

/// Something of which is asked to which container it belongs.
pub struct Thing {
    pub(crate) text: String,
    pub(crate) what: What,
}

/// What it is.
pub(crate) enum What {
    Process(Process),
    /// A cgroup's path, as `/proc/PID/cgroup` has it.
    Cgroup(String),
    Namespace(NsType, u64),
}

impl Thing {
    /// Parses `pid:N`, of which the process is pinned, `cgroup:PATH` or `TYPE:[N]`.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) if there is no such process or cgroup; [`Status::Failed`](nicon_core::Status::Failed) if it
    /// is none of these, or a thread.
    pub fn parse(text: &str) -> Result<Self> {
        let what = if let Some((ns_type, ino)) = parse_link(text) {
            What::Namespace(ns_type, ino)
        } else if let Some(number) = text.strip_prefix("pid:") {
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let pid = number.parse().ok().filter(|_| is_number);
            What::Process(Process::pin(pid.ok_or_else(|| none(text))?).map_err(|error| error.prefix(text))?)
        } else if let Some(path) = text.strip_prefix("cgroup:") {
            What::Cgroup(cgroup(path).map_err(|error| error.prefix(text))?)
        } else {
            return Err(none(text));
        };
        Ok(Self { text: text.to_owned(), what })
    }

    /// The process that a record names, which must be the same still.
    ///
    /// # Errors
    /// As [`Process::from_record`].
    pub fn of_record(record: &Record) -> Result<Self> {
        let process = Process::from_record(record)?;
        Ok(Self { text: format!("pid:{}", process.pid()), what: What::Process(process) })
    }

    /// As it was asked.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn none(text: &str) -> Error {
    Error::invalid(format!(
        "\"{text}\" is nothing that may belong to a container (pid:4242, cgroup:/PATH, or net:[4026531840])"
    ))
}

/// The path of a cgroup that is there, in the form of `/proc/PID/cgroup`.
fn cgroup(path: &str) -> Result<String> {
    let within = path.strip_prefix(CGROUPS).filter(|below| below.starts_with('/')).unwrap_or(path);
    let within = within.trim_end_matches('/');
    if !within.starts_with('/') || within.split('/').any(|part| part == "..") {
        return Err(Error::invalid("the whole path of a cgroup is needed, as /proc/PID/cgroup has it"));
    }
    let is_there = |mount: &str| std::path::Path::new(&format!("{mount}{within}/cgroup.procs")).exists();
    if is_there(CGROUPS) {
        // Before version 2, each hierarchy has a mount of its own.
        let below = within[1..].split_once('/').map(|(hierarchy, below)| (hierarchy, format!("/{below}")));
        return Ok(match below {
            Some((hierarchy, below)) if is_there_as_hierarchy(hierarchy) => below,
            _ => within.to_owned(),
        });
    }
    let hierarchies = std::fs::read_dir(CGROUPS).into_iter().flatten().flatten();
    let mut mounts = hierarchies.filter_map(|entry| entry.path().to_str().map(str::to_owned));
    if mounts.any(|mount| is_there_as_hierarchy(mount.rsplit('/').next().unwrap_or_default()) && is_there(&mount)) {
        return Ok(within.to_owned());
    }
    Err(Error::no(format!("no such cgroup (below {CGROUPS})")))
}

/// Whether this is the root of a hierarchy, and not a cgroup of version 2.
fn is_there_as_hierarchy(name: &str) -> bool {
    let root = std::path::Path::new(CGROUPS);
    !root.join("cgroup.procs").exists() && root.join(name).join("cgroup.procs").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_belong_to_a_container() {
        let myself = format!("pid:{}", std::process::id());
        assert!(matches!(Thing::parse(&myself).unwrap().what, What::Process(_)));
        assert!(matches!(Thing::parse("net:[7]").unwrap().what, What::Namespace(NsType::Net, 7)));
        for (text, why) in [
            ("", "is nothing that may"),
            ("web", "is nothing that may"),
            ("pid:", "is nothing that may"),
            ("pid:x", "is nothing that may"),
            ("pid:-1", "is nothing that may"),
            ("net:[x]", "is nothing that may"),
            ("dog:[7]", "is nothing that may"),
            ("pid:0", "is not a PID"),
            ("cgroup:x", "the whole path"),
            ("cgroup:/a/../b", "the whole path"),
            ("cgroup:/no such", "no such cgroup"),
        ] {
            let error = Thing::parse(text).err().unwrap().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
