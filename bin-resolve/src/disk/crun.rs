//! The files of crun.

use std::path::{Path, PathBuf};

use nicon_core::{Error, Result};
use serde::Deserialize;

use super::{Entry, not_running};
use crate::container::Container;
use crate::files::Files;

/// Where crun keeps the state of containers.
pub(super) const PLACES: &[&str] = &["/run/crun"];

/// The fields used of crun's `status`.
#[derive(Deserialize)]
pub(super) struct Status {
    pid: i32,
    /// Field 22 of /proc/PID/stat.
    #[serde(rename = "process-start-time")]
    pub(super) start_time: u64,
    #[serde(rename = "cgroup-path", default)]
    cgroup: String,
}

impl Status {
    /// Reads that of a container; `None` if crun knows none of this ID at `place`.
    ///
    /// # Errors
    /// As [`Files::json`].
    pub(super) fn read(files: &Files, place: &Path, id: &str) -> Result<Option<Self>> {
        files.json(&place.join(id).join("status"))
    }

    /// The name of the container's cgroup, which may be configured.
    fn cgroups(&self) -> Vec<String> {
        Path::new(&self.cgroup).file_name().and_then(|name| name.to_str()).map(str::to_owned).into_iter().collect()
    }
}

/// The containers whose ID is `asked`.
pub(super) fn named(files: &Files, places: &[PathBuf], asked: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for place in places {
        if Status::read(files, place, asked)?.is_some() {
            entries.push(entry(place, asked.to_owned()));
        }
    }
    Ok(entries)
}

pub(super) fn index(files: &Files, places: &[PathBuf]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for place in places {
        entries.extend(files.names(place)?.into_iter().map(|id| entry(place, id)));
    }
    Ok(entries)
}

fn entry(place: &Path, id: String) -> Entry {
    Entry { name: id.clone(), about: format!(" in {}", place.display()), place: place.to_owned(), id }
}

pub(super) fn load(files: &Files, entry: &Entry) -> Result<Container> {
    let gone = || Error::no(format!("container \"{}\" is gone", entry.name));
    let status = Status::read(files, &entry.place, &entry.id)?.ok_or_else(gone)?;
    if status.pid <= 0 {
        return Err(not_running(&entry.name));
    }
    Ok(Container {
        id: entry.id.clone(),
        name: entry.name.clone(),
        inner_pid: status.pid,
        starttime: Some(status.start_time),
        cgroups: status.cgroups(),
        bundle: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_parsed() {
        let status = r#"{"pid":549,"process-start-time":432946,"cgroup-path":"/machine.slice/x.scope/container",
            "scope":"x.scope","systemd-cgroup":true,"bundle":"/b","created":"2026-11-28T01:24:28.964753Z"}"#;
        let status: Status = serde_json::from_str(status).unwrap();
        assert_eq!((status.pid, status.start_time), (549, 432_946));
        assert_eq!(status.cgroups(), ["container"]);
    }
}
