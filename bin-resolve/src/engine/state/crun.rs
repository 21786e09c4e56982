//! The files of crun.

use serde::Deserialize;

use crate::engine::state::runtime::{self, Init, names_of};
use crate::engine::state::store::Layout;
use crate::query::Kind;

/// One that runs containers on its own, or for Podman, which tells of its own.
pub(super) static LAYOUT: Layout = Layout {
    of_user: Some(|user| user.runtime.join("crun")),
    named: Some(runtime::named::<State>),
    ..Layout::plain(Kind::Crun, &["/run/crun"], runtime::index::<State>, runtime::load::<State>)
};

/// The fields used of its state.
#[derive(Deserialize)]
pub(super) struct State {
    pid: i32,
    #[serde(rename = "process-start-time")]
    starttime: u64,
    #[serde(rename = "cgroup-path", default)]
    cgroup: String,
}

impl runtime::StateFile for State {
    const FILE: &str = "status";
}

impl From<State> for Init {
    fn from(State { pid, starttime, cgroup }: State) -> Self {
        Self { pid, starttime, cgroups: names_of([&cgroup]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_parsed() {
        let state = r#"{"pid":549,"process-start-time":432946,"cgroup-path":"/machine.slice/x.scope/container",
            "scope":"x.scope","systemd-cgroup":true,"bundle":"/b","created":"2026-11-28T01:24:28.964753Z"}"#;
        let init: Init = serde_json::from_str::<State>(state).unwrap().into();
        assert_eq!((init.pid, init.starttime), (549, 432_946));
        assert_eq!(init.cgroups, ["container"]);
    }
}
