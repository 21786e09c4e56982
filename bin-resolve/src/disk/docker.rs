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

/// Where a daemon keeps its containers, according to its command line and environment.
///
/// # Errors
/// If these cannot be read.
pub(crate) async fn places_of(daemon: Arc<Process>) -> Result<Vec<PathBuf>> {
    // Reading them reads the process's memory, which can block.
    aside::ask(move || Ok(places_in(&daemon.read("cmdline")?, &daemon.read("environ")?))).await
}

fn places_in(cmdline: &str, environ: &str) -> Vec<PathBuf> {
    let arguments: Vec<&str> = cmdline.split('\0').collect();
    let named = arguments.iter().enumerate().find_map(|(i, argument)| match *argument {
        "--data-root" | "-g" | "--graph" => arguments.get(i + 1).copied(),
        _ => argument.strip_prefix("--data-root=").or_else(|| argument.strip_prefix("--graph=")),
    });
    match named.map(PathBuf::from).or_else(|| root_of_user(environ)) {
        Some(root) => vec![root.join("containers")],
        None => PLACES.iter().map(PathBuf::from).collect(),
    }
}

/// Where a rootless daemon keeps its data unless told otherwise: in its user's home, since `/var/lib/docker` is root's. As
/// dockerd has it, `ROOTLESSKIT_STATE_DIR` tells that it is rootless.
fn root_of_user(environ: &str) -> Option<PathBuf> {
    let variable = |name: &str| {
        let mut variables = environ.split('\0').filter_map(|variable| variable.split_once('='));
        variables.find(|(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value)
    };
    variable("ROOTLESSKIT_STATE_DIR")?;
    let home = || Path::new(variable("HOME").unwrap_or("/")).join(".local/share");
    Some(variable("XDG_DATA_HOME").map_or_else(home, PathBuf::from).join("docker"))
}

pub(super) fn index(files: &Files, places: &[PathBuf]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for place in places {
        for id in files.names(place)?.into_iter().filter(|id| is_id(id)) {
            let config_file = place.join(&id).join("config.v2.json");
            // A container that is being created or removed has no file.
            let Some(config) = files.json::<Config>(&config_file)? else { continue };
            let name = bare(&config.name).to_owned();
            entries.push(Entry { id, name, namespace: None, sandbox: None, about: String::new(), place: config_file });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_daemon_keeps_its_containers() {
        let rootless = "PATH=/bin\0ROOTLESSKIT_STATE_DIR=/run/user/1000/dockerd-rootless\0HOME=/home/alice\0";
        let elsewhere = format!("{rootless}XDG_DATA_HOME=/data/alice\0");
        for (cmdline, environ, expected) in [
            ("dockerd\0", "HOME=/root\0", "/var/lib/docker/containers"),
            ("dockerd\0", "HOME=/root\0ROOTLESSKIT_STATE_DIR=\0", "/var/lib/docker/containers"),
            ("dockerd\0", rootless, "/home/alice/.local/share/docker/containers"),
            ("dockerd\0", &elsewhere, "/data/alice/docker/containers"),
            ("dockerd\0--data-root\0/d\0", &elsewhere, "/d/containers"),
            ("dockerd\0--data-root=/d\0", "", "/d/containers"),
        ] {
            assert_eq!(places_in(cmdline, environ), [Path::new(expected)], "{cmdline} {environ}");
        }
    }
}
