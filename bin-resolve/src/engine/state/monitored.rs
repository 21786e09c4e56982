//! Containers that are known from the process that stays beside each one, and started it.

use std::path::PathBuf;
use std::sync::Arc;

use nicon_core::{Error, NsType, Process, Result, Status};

use crate::engine::container::{Container, Monitor};
use crate::engine::state::index::{Index, IndexEntry};
use crate::engine::state::store::{Layout, Store};
use crate::query::Kind;
use crate::rootfs::files::Files;

/// A container, and its monitor.
#[derive(Clone, Debug)]
pub(crate) struct Monitored {
    pub(super) name: String,
    /// The engine's namespace in which it is, if it has any.
    pub(super) namespace: Option<String>,
    /// The first process: its PID in the monitor's PID namespace, and its start time.
    pub(super) pid: i32,
    pub(super) starttime: u64,
    pub(super) monitor: Monitor,
}

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

/// The only child of a monitor that is in a mount namespace of its own, and in what `is_it` wants: the first process of its
/// container, without a name. `None` if there is none.
///
/// # Errors
/// If there are several, or they may not be looked at.
pub(super) fn first_below(monitor: &Process, is_it: impl Fn(&Process) -> Result<bool>) -> Result<Option<Monitored>> {
    let mnt = monitor.namespace_id(NsType::Mnt)?;
    let depth = monitor.nspid()?.len();
    let children = monitor.read(&format!("task/{}/children", monitor.pid()))?;
    let mut found = None;
    for pid in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
        let look = || {
            let child = Process::pin(pid)?;
            if child.parent()? != monitor.pid() || child.namespace_id(NsType::Mnt)? == mnt || !is_it(&child)? {
                return Ok(None);
            }
            let pid = child.nspid()?.get(depth - 1).copied();
            Ok::<_, Error>(pid.map(|pid| (pid, child)))
        };
        let child = match look() {
            // A helper may have ended.
            Err(error) if error.status() == Status::No => None,
            child => child?,
        };
        let Some((pid, child)) = child else { continue };
        if found.is_some() {
            return Err(Error::failed("several of its children may be the first process of its container"));
        }
        let monitor = Monitor { pid: monitor.pid(), starttime: monitor.starttime()? };
        found = Some(Monitored { name: String::new(), namespace: None, pid, starttime: child.starttime()?, monitor });
    }
    Ok(found)
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
        index.entries.push(IndexEntry {
            id: name.clone(),
            name,
            namespace,
            kind,
            about,
            path,
            ..IndexEntry::default()
        });
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
