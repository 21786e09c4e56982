//! The files of a Docker daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nicon_core::container::is_id;
use nicon_core::{Error, Process, Result};
use serde::Deserialize;

use super::{Entry, not_running};
use crate::aside;
use crate::container::{Container, bare};
use crate::files::Files;

/// Where the daemon keeps its containers by default.
pub(super) const PLACES: &[&str] = &["/var/lib/docker/containers"];

#[derive(Deserialize)]
struct Config {
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

/// Where a daemon keeps its containers, according to its command line.
///
/// # Errors
/// If its command line cannot be read.
pub(crate) async fn places_of(daemon: Arc<Process>) -> Result<Vec<PathBuf>> {
    // Reading a command line reads the process's memory, which can block.
    aside::ask(move || Ok(places_in(&daemon.read("cmdline")?))).await
}

fn places_in(cmdline: &str) -> Vec<PathBuf> {
    let arguments: Vec<&str> = cmdline.split('\0').collect();
    let named = arguments.iter().enumerate().find_map(|(i, argument)| match *argument {
        "--data-root" | "-g" | "--graph" => arguments.get(i + 1).copied(),
        _ => argument.strip_prefix("--data-root=").or_else(|| argument.strip_prefix("--graph=")),
    });
    match named {
        Some(root) => vec![Path::new(root).join("containers")],
        None => PLACES.iter().map(PathBuf::from).collect(),
    }
}

pub(super) fn index(files: &Files, places: &[PathBuf]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for place in places {
        for id in files.names(place)?.into_iter().filter(|id| is_id(id)) {
            let config_file = place.join(&id).join("config.v2.json");
            // A container that is being created or removed has no file.
            let Some(config) = files.json::<Config>(&config_file)? else { continue };
            let name = bare(&config.name).to_owned();
            entries.push(Entry { id, name, about: String::new(), place: config_file });
        }
    }
    Ok(entries)
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
