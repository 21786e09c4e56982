//! The files of runc.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Entry;
use super::runtime::{Init, names_of};

/// Where runc keeps the state of containers that it runs on its own, and the file of one.
pub(super) const PLACES: &[&str] = &["/run/runc", "/run/user/0/runc"];
pub(super) const STATE: &str = "state.json";

/// The state of containers that runc runs for Docker and for containerd.
pub(super) const OTHERS: &[&str] =
    &["/run/docker/runtime-runc/moby", "/run/containerd/runc/default", "/run/containerd/runc/k8s.io"];

/// Those of `entries`, all of one name, that runc runs on its own; if there are none, all.
pub(super) fn own(entries: Vec<Entry>) -> Vec<Entry> {
    let is_anothers = |entry: &Entry| OTHERS.iter().any(|place| entry.place.starts_with(place));
    let (others, own): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_anothers);
    if own.is_empty() { others } else { own }
}

/// The fields used of libcontainer's `State`.
#[derive(Deserialize)]
pub(super) struct State {
    init_process_pid: i32,
    init_process_start: u64,
    #[serde(default)]
    cgroup_paths: BTreeMap<String, String>,
}

impl From<State> for Init {
    fn from(state: State) -> Self {
        let State { init_process_pid: pid, init_process_start: starttime, cgroup_paths } = state;
        Self { pid, starttime, cgroups: names_of(cgroup_paths.values()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_parsed() {
        let state = r#"{"id":"web","init_process_pid":549,"init_process_start":1199760,"rootless":false,
            "cgroup_paths":{"":"/sys/fs/cgroup/unified/lab/web","cpu":"/sys/fs/cgroup/cpu/lab/web","x":"/"}}"#;
        let init: Init = serde_json::from_str::<State>(state).unwrap().into();
        assert_eq!((init.pid, init.starttime), (549, 1_199_760));
        assert_eq!(init.cgroups, ["web"]);
    }
}
