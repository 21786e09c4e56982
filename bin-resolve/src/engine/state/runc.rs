//! The files of runc.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::engine::state::index::IndexEntry;
use crate::engine::state::runtime::{self, Init, names_of};
use crate::engine::state::store::Layout;
use crate::query::Kind;

pub(super) static LAYOUT: Layout = Layout {
    others: OTHERS,
    of_user: Some(|user| user.runtime.join("runc")),
    named: Some(|files, store, index, asked| {
        runtime::named::<State>(files, store, index, asked);
        index.entries = own(std::mem::take(&mut index.entries));
    }),
    ..Layout::plain(Kind::Runc, &["/run/runc", "/run/user/0/runc"], runtime::index::<State>, runtime::load::<State>)
};

/// The state of containers that runc runs for Docker and for containerd.
const OTHERS: &[&str] =
    &["/run/docker/runtime-runc/moby", "/run/containerd/runc/default", "/run/containerd/runc/k8s.io"];

/// Those of `entries`, all of one name, that runc runs on its own; if there are none, all.
fn own(entries: Vec<IndexEntry>) -> Vec<IndexEntry> {
    let is_anothers = |entry: &IndexEntry| OTHERS.iter().any(|dir| entry.path.starts_with(dir));
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

impl runtime::StateFile for State {
    const FILE: &str = "state.json";
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
