//! The files of containerd's shims: a bundle for each container, and runc's state.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use nicon_core::Result;
use serde::Deserialize;

use crate::engine::container::{Container, not_running};
use crate::engine::pod::{Pod, PodExtent};
use crate::engine::state::index::{Index, IndexEntry};
use crate::engine::state::store::{Extent, Layout, Store};
use crate::engine::state::{runc, runtime};
use crate::query::Kind;
use crate::rootfs::files::Files;

/// Where bundles are, in a directory for each containerd namespace.
const DIRS: &[&str] =
    &["/run/containerd/io.containerd.runtime.v2.task", "/run/k3s/containerd/io.containerd.runtime.v2.task"];

pub(super) static LAYOUT: Layout = Layout {
    // Those of the containerd that a Docker daemon starts for itself.
    others: &["/run/docker/containerd/daemon/io.containerd.runtime.v2.task"],
    changing: |store| store.dirs().into_iter().map(|dir| (dir, 2)).collect(),
    parts: |_| STATES.map(PathBuf::from).into(),
    ..Layout::plain(Kind::Containerd, DIRS, index, load)
};

/// Where runc keeps its state for shims, in a directory for each namespace: their default, and Docker's.
const STATES: [&str; 2] = ["/run/containerd/runc", "/run/docker/runtime-runc"];

/// The containerd namespace of Docker. Docker does not record its containers' names here.
const MOBY: &str = "moby";

/// That of Kubernetes. In others, whoever may use them writes any annotations.
const KUBERNETES: &str = "k8s.io";

/// The annotations that hold a container's name.
const NAMES: [&str; 2] = ["io.kubernetes.cri.container-name", "nerdctl/name"];

#[derive(Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    annotations: HashMap<String, String>,
}

impl Config {
    /// The name that Kubernetes or nerdctl gave.
    pub(super) fn name(&self) -> Option<&String> {
        NAMES.iter().find_map(|key| self.annotations.get(*key))
    }

    /// The pod's sandbox, with which the pod's shim began.
    fn sandbox(&self) -> Option<String> {
        self.annotations.get("io.kubernetes.cri.sandbox-id").cloned()
    }

    /// Its pod, since several pods may have containers of the same name.
    pub(super) fn pod(&self) -> Option<Pod> {
        let told = |what: &str| self.annotations.get(&format!("io.kubernetes.cri.{what}")).cloned();
        Some(Pod {
            name: told("sandbox-name")?,
            namespace: told("sandbox-namespace")?,
            uid: told("sandbox-uid"),
            sandbox: self.sandbox()?,
            is_sandbox: told("container-type")? == "sandbox",
        })
    }
}

fn index(files: &Files, store: &Store, index: &mut Index) {
    let Extent { all, namespace: only, pods, known } = &store.extent;
    for dir in &store.dirs {
        for namespace in index.names(files, dir) {
            let is_left_out = match (only, pods) {
                (Some(only), _) => namespace != *only,
                (None, PodExtent::All) => namespace == MOBY && !all,
                (None, _) => namespace != KUBERNETES,
            };
            if is_left_out {
                continue;
            }
            if index.is_full() {
                return;
            }
            let bundles = dir.join(&namespace);
            for id in index.names(files, &bundles).into_iter().filter(|id| !known.contains(id)) {
                let about = format!(" in namespace {namespace}");
                let path = bundles.join(&id);
                let namespace = Some(namespace.clone());
                let mut entry = IndexEntry { name: id.clone(), id, namespace, about, path, ..IndexEntry::default() };
                match (configured(files, &mut entry), pods) {
                    (Ok(true), _) if pods.includes(entry.pod.as_ref()) => {}
                    (Ok(_), _) => continue,
                    (Err(error), PodExtent::All) => entry.unnamed = Some(error),
                    (Err(error), _) => {
                        index.fail(error);
                        continue;
                    }
                }
                index.add(entry);
                if index.is_full() {
                    return;
                }
            }
        }
    }
}

/// Whether a namespace is Docker's. With `userns-remap`, the IDs of its user are behind the name.
fn is_dockers(namespace: &str) -> bool {
    namespace.strip_prefix(MOBY).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Takes its name from the configuration; `false` if there is none.
fn configured(files: &Files, entry: &mut IndexEntry) -> Result<bool> {
    let Some(config) = files.json::<Config>(&entry.path.join("config.json"))? else { return Ok(false) };
    // Whoever may ask Docker for containers may give them annotations, but the names that Docker knows are others.
    if let Some(name) = config.name().filter(|_| !is_dockers(entry.namespace.as_deref().unwrap_or_default())) {
        entry.name.clone_from(name);
    }
    entry.sandbox = config.sandbox();
    if let Some(pod) = config.pod().filter(|_| entry.namespace.as_deref() == Some(KUBERNETES)) {
        entry.about = format!(" in {pod}");
        entry.pod = Some(pod);
    }
    Ok(true)
}

fn load(files: &Files, _: &Store, entry: &mut IndexEntry) -> Result<Container> {
    let pid = files.read(&entry.path.join("init.pid"))?.unwrap_or_default();
    let inner_pid = String::from_utf8_lossy(&pid).trim().parse().ok().filter(|pid| *pid > 0);
    let inner_pid = inner_pid.ok_or_else(|| not_running(&entry.name))?;
    // The PID is written last: by now the configuration is as whole as it will be.
    if entry.unnamed.is_some() && configured(files, entry).is_ok() {
        entry.unnamed = None;
    }
    // Only runc keeps such a state, and a shim may have been told to have it kept elsewhere: what is here is then another's of
    // the same name. Without it, the proof rests on the shim or the cgroup alone.
    let namespace = entry.path.parent().and_then(Path::file_name).unwrap_or_default();
    let states = STATES.iter().map(|states| Path::new(states).join(namespace));
    let state = states.flat_map(|states| runtime::read::<runc::State>(files, &states, &entry.id));
    let state = state.flatten().find(|init| init.pid == inner_pid);
    Ok(Container {
        id: entry.id.clone(),
        name: entry.name.clone(),
        namespace: entry.namespace.clone(),
        sandbox: entry.sandbox.clone(),
        pod: entry.pod.clone(),
        inner_pid,
        starttime: state.as_ref().map(|init| init.starttime),
        cgroups: state.map(|init| init.cgroups).unwrap_or_default(),
        ..Container::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_and_nerdctl_give_names() {
        let config =
            |annotations| serde_json::from_str::<Config>(&format!("{{\"annotations\":{annotations}}}")).unwrap();
        let named = config(
            r#"{"io.kubernetes.cri.container-name":"web","io.kubernetes.cri.sandbox-name":"front",
                "io.kubernetes.cri.sandbox-namespace":"default","io.kubernetes.cri.sandbox-id":"ab12",
                "io.kubernetes.cri.sandbox-uid":"u1","io.kubernetes.cri.container-type":"container"}"#,
        );
        let pod = named.pod().unwrap();
        assert_eq!(named.name().unwrap(), "web");
        assert_eq!(
            (&pod.namespace[..], &pod.name[..], &pod.sandbox[..], pod.is_sandbox),
            ("default", "front", "ab12", false)
        );
        assert_eq!(config(r#"{"nerdctl/name":"db"}"#).name().unwrap(), "db");
        assert_eq!(config("{}").name(), None);
    }
}
