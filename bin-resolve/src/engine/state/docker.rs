//! The files of a Docker daemon: its containers, below the directory of its data.

use nicon_core::container::is_id;
use nicon_core::{Error, Result};
use serde::Deserialize;

use crate::engine::container::{Container, bare, not_running};
use crate::engine::labels::Labels;
use crate::engine::state::dockerd;
use crate::engine::state::index::{Index, IndexEntry};
use crate::engine::state::store::{Layout, Store};
use crate::query::Kind;
use crate::rootfs::files::Files;

pub(super) static LAYOUT: Layout = Layout {
    of_user: Some(|user| user.data.join("docker/containers")),
    settings: |user| vec![dockerd::settings(user)],
    set: |files, store| {
        let set = dockerd::read(files, &dockerd::settings(store.user.as_ref()))?;
        Ok(Store { dirs: set.map_or_else(|| store.dirs.clone(), |dir| vec![dir]), ..store })
    },
    // Only its daemon starts containers, and tells of them.
    changing: |_| Vec::new(),
    ..Layout::plain(Kind::Docker, &["/var/lib/docker/containers"], index, load)
};

#[derive(Deserialize)]
pub(super) struct Config {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "State")]
    state: State,
    #[serde(rename = "Config", default)]
    configured: Configured,
}

#[derive(Default, Deserialize)]
struct Configured {
    #[serde(rename = "Labels", default)]
    labels: Labels,
}

#[derive(Deserialize)]
struct State {
    #[serde(rename = "Running")]
    running: bool,
    #[serde(rename = "Pid")]
    pid: i32,
}

fn index(files: &Files, store: &Store, index: &mut Index) {
    for dir in &store.dirs {
        for id in index.names(files, dir).into_iter().filter(|id| is_id(id)) {
            let config_file = dir.join(&id).join("config.v2.json");
            let (name, unnamed) = match files.json::<Config>(&config_file) {
                Ok(Some(config)) => (bare(&config.name).to_owned(), None),
                // A container that is being created or removed has no file.
                Ok(None) => continue,
                Err(error) => (id.clone(), Some(error)),
            };
            index.add(IndexEntry { id, name, path: config_file, unnamed, ..IndexEntry::default() });
        }
    }
}

fn load(files: &Files, _: &Store, entry: &mut IndexEntry) -> Result<Container> {
    let gone = || Error::no(format!("container \"{}\" is gone", entry.name));
    let config: Config = files.json(&entry.path)?.ok_or_else(gone)?;
    if !config.state.running || config.state.pid <= 0 {
        return Err(not_running(&entry.name));
    }
    let (id, name) = (entry.id.clone(), entry.name.clone());
    let labels = Some(config.configured.labels);
    Ok(Container { id, name, inner_pid: config.state.pid, labels, ..Container::default() })
}
