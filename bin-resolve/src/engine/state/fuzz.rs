//! The entry point of the fuzz target for engines' files.

use crate::engine::labels::Labels;
use crate::engine::state::lxc_sockets::Named;
use crate::engine::state::runtime::Init;
use crate::engine::state::{containerd, crun, docker, dockerd, lxc, machine, podman, runc};

/// The text of any file, read as each of those that engines keep.
///
/// # Panics
/// If a cgroup has no plain name, or the directory of the data is not an absolute path.
pub(crate) fn parse(text: &[u8]) {
    let states = [
        serde_json::from_slice::<runc::State>(text).ok().map(Init::from),
        serde_json::from_slice::<crun::State>(text).ok().map(Init::from),
    ];
    for Init { cgroups, .. } in states.into_iter().flatten() {
        assert!(cgroups.iter().all(|name| !name.is_empty() && !name.contains('/') && name != ".."), "{cgroups:?}");
    }
    if let Ok(Some(data)) = dockerd::data_root(text) {
        assert!(data.is_absolute(), "{}", data.display());
    }
    let _ = dockerd::Invocation::by(&String::from_utf8_lossy(text), &String::from_utf8_lossy(text));
    if let Ok(config) = serde_json::from_slice::<containerd::Config>(text) {
        let _ = (config.name(), config.pod());
    }
    let _ = serde_json::from_slice::<docker::Config>(text);
    let _ = serde_json::from_slice::<Labels>(text).map(|labels| labels.has("app", None));
    let text_of = String::from_utf8_lossy(text);
    let _ = machine::Registration::parse(&text_of);
    for dir in [lxc::by_title(&text_of).map(|(dir, _)| dir), Named::parse(&text_of).and_then(Named::directory)]
        .into_iter()
        .flatten()
    {
        assert!(dir.is_absolute(), "{}", dir.display());
    }
    let _ = serde_json::from_slice::<Vec<podman::Stored>>(text);
}
