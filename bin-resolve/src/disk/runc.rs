//! The files of runc.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nicon_core::{Error, Result};
use serde::Deserialize;

use super::{Entry, not_running};
use crate::container::Container;
use crate::files::Files;

/// Where runc keeps the state of containers that it runs on its own.
pub(super) const PLACES: &[&str] = &["/run/runc", "/run/user/0/runc"];

/// The state of containers that runc runs for Docker and for containerd.
pub(super) const OTHERS: &[&str] =
    &["/run/docker/runtime-runc/moby", "/run/containerd/runc/default", "/run/containerd/runc/k8s.io"];

/// The fields used of libcontainer's `State`.
#[derive(Deserialize)]
pub(super) struct State {
    init_process_pid: i32,
    /// Field 22 of /proc/PID/stat.
    pub(super) init_process_start: u64,
    #[serde(default)]
    cgroup_paths: BTreeMap<String, String>,
}

impl State {
    /// The names of the container's cgroups, which may be configured.
    pub(super) fn cgroups(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .cgroup_paths
            .values()
            .filter_map(|path| Some(Path::new(path).file_name()?.to_str()?.to_owned()))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The containers whose ID is `asked`.
pub(super) fn named(files: &Files, places: &[PathBuf], asked: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for place in places {
        let entry = entry(place, asked.to_owned());
        if files.read(&entry.place)?.is_some() {
            entries.push(entry);
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
    let about = format!(" in {}", place.display());
    Entry { name: id.clone(), about, place: place.join(&id).join("state.json"), id }
}

pub(super) fn load(files: &Files, entry: &Entry) -> Result<Container> {
    let gone = || Error::no(format!("container \"{}\" is gone", entry.name));
    let state: State = files.json(&entry.place)?.ok_or_else(gone)?;
    if state.init_process_pid <= 0 {
        return Err(not_running(&entry.name));
    }
    Ok(Container {
        id: entry.id.clone(),
        name: entry.name.clone(),
        inner_pid: state.init_process_pid,
        starttime: Some(state.init_process_start),
        cgroups: state.cgroups(),
        bundle: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_parsed() {
        let state = r#"{"id":"web","init_process_pid":549,"init_process_start":1199760,"rootless":false,
            "cgroup_paths":{"":"/sys/fs/cgroup/unified/lab/web","cpu":"/sys/fs/cgroup/cpu/lab/web","x":"/"}}"#;
        let state: State = serde_json::from_str(state).unwrap();
        assert_eq!((state.init_process_pid, state.init_process_start), (549, 1_199_760));
        assert_eq!(state.cgroups(), ["web"]);
    }
}
