//! The files of a Docker daemon: its containers, below the directory of its data.

use nicon_core::container::is_id;
use nicon_core::{Error, Result};
use serde::Deserialize;

use super::index::Index;
use super::{Entry, not_running};
use crate::container::{Container, bare};
use crate::files::Files;

#[derive(Deserialize)]
pub(super) struct Config {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "State")]
    state: State,
}

#[derive(Deserialize)]
struct State {
    #[serde(rename = "Running")]
    running: bool,
    #[serde(rename = "Pid")]
    pid: i32,
}

pub(super) fn index(files: &Files, index: &mut Index) {
    for place in index.store.places.clone() {
        for id in index.names(files, &place).into_iter().filter(|id| is_id(id)) {
            let config_file = place.join(&id).join("config.v2.json");
            let (name, unnamed) = match files.json::<Config>(&config_file) {
                Ok(Some(config)) => (bare(&config.name).to_owned(), None),
                // A container that is being created or removed has no file.
                Ok(None) => continue,
                Err(error) => (id.clone(), Some(error)),
            };
            index.entries.push(Entry { id, name, place: config_file, unnamed, ..Entry::default() });
        }
    }
}

pub(super) fn load(files: &Files, entry: &Entry) -> Result<Container> {
    let gone = || Error::no(format!("container \"{}\" is gone", entry.name));
    let config: Config = files.json(&entry.place)?.ok_or_else(gone)?;
    if !config.state.running || config.state.pid <= 0 {
        return Err(not_running(&entry.name));
    }
    let (id, name) = (entry.id.clone(), entry.name.clone());
    Ok(Container { id, name, inner_pid: config.state.pid, ..Container::default() })
}
