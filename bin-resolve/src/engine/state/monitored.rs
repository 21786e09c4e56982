//! Containers that are known from the process that stays beside each one, and started it.

use std::path::PathBuf;
use std::sync::Arc;

use nicon_core::{Error, Result};

use crate::engine::container::Container;
use crate::engine::state::first_process::Monitored;
use crate::engine::state::index::{Index, IndexEntry};
use crate::engine::state::store::{Layout, Store};
use crate::query::Kind;
use crate::rootfs::files::Files;

impl Layout {
    /// That of containers which are known so, without those that are told `elsewhere`.
    pub(super) const fn monitored(kind: Kind, elsewhere: fn(&Files, &Monitored) -> Result<bool>) -> Self {
        Self { told_elsewhere: elsewhere, changing: |_| Vec::new(), ..Self::plain(kind, &[], index, load) }
    }
}

impl Store {
    /// The same, in which this container runs.
    pub(super) fn with(mut self, container: Monitored) -> Self {
        Arc::make_mut(&mut self.monitored).push(container);
        self
    }
}

fn index(files: &Files, store: &Store, index: &mut Index) {
    for container in &*store.monitored {
        let is_wanted = store.extent.namespace.is_none() || store.extent.namespace == container.namespace;
        if !is_wanted || index.take((store.layout.told_elsewhere)(files, container)) {
            continue;
        }
        let dir = store.dirs.first().cloned().unwrap_or_default();
        let (name, pid) = (container.name.clone(), container.monitor.pid);
        // Two of one name are told apart by their monitors.
        let path = PathBuf::from(format!("/proc/{pid}"));
        let about = format!(" in {}", dir.display());
        let (namespace, kind) = (container.namespace.clone(), Some(store.kind()));
        index.add(IndexEntry { id: name.clone(), name, namespace, kind, about, path, ..IndexEntry::default() });
    }
}

fn load(_: &Files, store: &Store, entry: &mut IndexEntry) -> Result<Container> {
    let is_it = |known: &&Monitored| known.name == entry.name && entry.path.ends_with(known.monitor.pid.to_string());
    let known = store.monitored.iter().find(is_it);
    let known = known.ok_or_else(|| Error::no(format!("container \"{}\" is gone", entry.name)))?;
    let Monitored { pid, starttime, monitor, .. } = known;
    let (id, name) = (entry.id.clone(), entry.name.clone());
    let (starttime, monitor, namespace) = (Some(*starttime), Some(*monitor), known.namespace.clone());
    Ok(Container { id, name, inner_pid: *pid, starttime, monitor, namespace, ..Container::default() })
}
