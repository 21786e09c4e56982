//! The engines of our own machine that the user's settings choose: those that `docker` and `podman` ask here.
//!
//! Whoever follows another setting than these programs names another engine's container.

use std::ffi::OsString;
use std::path::PathBuf;

use nicon_core::{Error, Result};

use crate::engine::api::context::{self, Variables};

/// Docker's default socket, as its command line has it.
const DOCKER: &str = "/var/run/docker.sock";

/// A chosen engine.
#[derive(Debug, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) socket: PathBuf,
    /// The setting that names it.
    pub(crate) by: String,
}

/// The only Docker to ask: that of `DOCKER_HOST`, or else of the context in use; `None` for the usual sockets. As in
/// `docker(1)`, an empty variable counts as unset.
///
/// # Errors
/// If it is, or may be, on another machine, or the context cannot be read.
pub(crate) fn docker(variables: Variables<'_>) -> Result<Option<Chosen>> {
    match docker_host(variables)? {
        Some(chosen) => Ok(Some(chosen)),
        None => by_context(variables),
    }
}

/// The only Podman to ask: that of `CONTAINER_HOST`, which makes `podman(1)` a client, or else of `DOCKER_HOST`, which names an
/// engine of either kind; `None` for the usual socket.
///
/// # Errors
/// If it is, or may be, on another machine.
pub(crate) fn podman(variables: Variables<'_>) -> Result<Option<Chosen>> {
    if let Some(host) = text(variables, "CONTAINER_HOST")? {
        return at(&host, "CONTAINER_HOST", "CONTAINER_HOST is", "unset it, or name the socket").map(Some);
    }
    match text(variables, "CONTAINER_CONNECTION")? {
        // It names an entry of containers.conf, of which there are several in each of several places.
        Some(name) => Err(Error::failed(format!(
            "CONTAINER_CONNECTION is \"{name}\": Podman's connections are not read (unset it, and name the socket: \
             CONTAINER_HOST=unix:///PATH)"
        ))),
        None => docker_host(variables),
    }
}

fn docker_host(variables: Variables<'_>) -> Result<Option<Chosen>> {
    let Some(host) = text(variables, "DOCKER_HOST")? else { return Ok(None) };
    match host.trim() {
        "" | "unix://" => Ok(Some(Chosen { socket: DOCKER.into(), by: "DOCKER_HOST".to_owned() })),
        host => at(host, "DOCKER_HOST", "DOCKER_HOST is", "unset it, or name the socket").map(Some),
    }
}

fn by_context(variables: Variables<'_>) -> Result<Option<Chosen>> {
    let Some(context) = context::in_use(variables, text(variables, "DOCKER_CONTEXT")?)? else { return Ok(None) };
    let by = format!("context \"{}\"", context.name);
    match &context.host()?[..] {
        "" => Ok(Some(Chosen { socket: DOCKER.into(), by })),
        host => at(host, &by, &format!("{by} ({}) is at", context.by), context.way_out).map(Some),
    }
}

/// The engine at a URL, which `by` names; `what` begins the refusal of another one.
fn at(host: &str, by: &str, what: &str, way_out: &str) -> Result<Chosen> {
    match host.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(Chosen { socket: path.into(), by: by.to_owned() }),
        _ => Err(Error::failed(format!(
            "{what} \"{host}\": only unix:///PATH is supported, since PIDs from another machine mean nothing here ({way_out})"
        ))),
    }
}

/// A variable; `None` if it is unset or empty.
fn text(variables: Variables<'_>, name: &str) -> Result<Option<String>> {
    let value = variables(name).filter(|value| !value.is_empty()).map(OsString::into_string).transpose();
    value.map_err(|_| Error::failed(format!("{name} is not valid UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables that choose no context.
    fn with<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        let rest = [("DOCKER_CONTEXT", "default")];
        move |name| pairs.iter().chain(&rest).find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    #[test]
    fn docker_host_must_be_a_socket_of_this_machine() {
        for (host, socket) in [("unix:///x/y.sock", "/x/y.sock"), ("unix://", DOCKER), (" ", DOCKER)] {
            let expected = || Some(Chosen { socket: socket.into(), by: "DOCKER_HOST".to_owned() });
            assert_eq!(docker(&with(&[("DOCKER_HOST", host)])).unwrap(), expected());
            assert_eq!(podman(&with(&[("DOCKER_HOST", host)])).unwrap(), expected());
        }
        assert_eq!(docker(&with(&[("DOCKER_HOST", "")])).unwrap(), None);
        for host in ["tcp://10.0.0.1:2375", "ssh://me@there", "unix://relative", "/run/docker.sock", "fd://"] {
            let error = docker(&with(&[("DOCKER_HOST", host)])).unwrap_err().to_string();
            assert!(error.starts_with(&format!("DOCKER_HOST is \"{host}\": ")), "{error}");
        }
    }

    #[test]
    fn podman_has_settings_of_its_own() {
        let both = [("DOCKER_HOST", "unix:///docker.sock"), ("CONTAINER_HOST", "unix:///podman.sock")];
        assert_eq!(docker(&with(&both)).unwrap().unwrap().socket, PathBuf::from("/docker.sock"));
        assert_eq!(podman(&with(&both)).unwrap().unwrap().socket, PathBuf::from("/podman.sock"));
        assert_eq!(podman(&with(&[("CONTAINER_HOST", ""), ("CONTAINER_CONNECTION", "")])).unwrap(), None);
        for (name, value) in [("CONTAINER_HOST", "ssh://me@there/run/podman.sock"), ("CONTAINER_CONNECTION", "there")] {
            let error = podman(&with(&[(name, value)])).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name} is \"{value}\": ")), "{error}");
        }
    }
}
