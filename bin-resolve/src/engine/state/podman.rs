//! The files of Podman: names in its storage, and PIDs where conmon writes them. They are all there is where nobody has
//! started its service, as is usual.

use std::path::PathBuf;
use std::sync::Arc;

use nicon_core::{Error, Result};
use serde::Deserialize;

use crate::engine::container::{Container, not_running};
use crate::engine::state::index::{Index, IndexEntry};
use crate::engine::state::storage::{self, Set};
use crate::engine::state::store::{Layout, Store};
use crate::engine::state::{crun, runc, runtime};
use crate::query::Kind;
use crate::rootfs::files::Files;

/// Where it keeps what is of no use after a restart of the machine, below root's directory for that, and below a user's.
const RUN: &str = "containers/storage";
const RUN_OF_USER: &str = "containers";

/// The storage drivers; a container's directories have their names.
const DRIVERS: [&str; 4] = ["overlay", "vfs", "btrfs", "zfs"];

/// The lists of containers; the second one has those that are removed when they stop.
const LISTS: [&str; 2] = ["containers.json", "volatile-containers.json"];

/// The fields used of an entry of these lists.
#[derive(Deserialize)]
pub(super) struct Stored {
    id: String,
    #[serde(default)]
    names: Vec<String>,
}

pub(super) static LAYOUT: Layout = Layout {
    of_user: Some(|user| user.data.join("containers/storage")),
    settings: storage::files,
    set: |files, store| {
        let Set { graphroot, runroot } = storage::read(files, store.user.as_ref())?;
        let dirs = graphroot.map_or_else(|| store.dirs.clone(), |dir| vec![dir]);
        Ok(Store { dirs, runroot, ..store })
    },
    changing,
    parts: |store| [&[runroot(store)], &states(store)[..]].concat(),
    ..Layout::plain(Kind::Podman, &["/var/lib/containers/storage"], index, load)
};

/// Where a Podman was told to keep what, by the options that conmon passes on to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Storage {
    pub(crate) graphroot: PathBuf,
    pub(crate) runroot: PathBuf,
    /// The directory for what is of no use after a restart.
    pub(crate) run: PathBuf,
    /// Where the runtime keeps its state, if it was told that.
    pub(crate) state: Option<PathBuf>,
}

/// A Podman that was told where to keep its containers, of which conmon watches this one.
pub(super) fn told(storage: Storage, watched: String) -> Store {
    let Storage { graphroot, runroot, run, state } = storage;
    let (runroot, watched) = (Some(runroot), Arc::new([watched].into()));
    Store { run, runroot, state, watched, ..Store::usual(&LAYOUT).at(vec![graphroot]) }
}

/// Where it keeps what is of no use after a restart of the machine.
fn runroot(store: &Store) -> PathBuf {
    let usual = if store.user.is_none() { RUN } else { RUN_OF_USER };
    store.runroot.clone().unwrap_or_else(|| store.run.join(usual))
}

/// The lists of containers, the PID files, and the states of runtimes.
fn changing(store: &Store) -> Vec<(PathBuf, usize)> {
    let drivers = || DRIVERS.map(|driver| format!("{driver}-containers"));
    let lists = store.dirs.iter().flat_map(|dir| drivers().map(|driver| (dir.join(driver), 0)));
    let pid_files = drivers().map(|driver| (runroot(store).join(driver), 2));
    lists.chain(pid_files).chain(states(store).map(|state| (state, 1))).collect()
}

/// Where its runtimes keep their state: crun, and runc.
fn states(store: &Store) -> [PathBuf; 2] {
    match &store.state {
        Some(state) => [state.clone(), state.clone()],
        None => ["crun", "runc"].map(|runtime| store.run.join(runtime)),
    }
}

fn index(files: &Files, store: &Store, index: &mut Index) {
    let (run, known) = (runroot(store), &store.extent.known);
    for (dir, driver) in store.dirs.iter().flat_map(|dir| DRIVERS.map(|driver| (dir, driver))) {
        let directory = format!("{driver}-containers");
        for list in LISTS {
            let stored: Option<Vec<Stored>> = index.take(files.json_list(&dir.join(&directory).join(list)));
            let stored = stored.into_iter().flatten().filter(|stored| !known.contains(&stored.id));
            let entries = stored.map(|Stored { id, names }| IndexEntry {
                name: names.into_iter().next().unwrap_or_else(|| id.clone()),
                path: run.join(&directory).join(&id).join("userdata/pidfile"),
                id,
                ..IndexEntry::default()
            });
            entries.for_each(|entry| index.add(entry));
        }
    }
}

/// The PID file outlives the container; the runtime's state, which has the start time, does not, and neither does conmon.
fn load(files: &Files, store: &Store, entry: &mut IndexEntry) -> Result<Container> {
    let starttime = starttime(files, &entry.id, store)?;
    if starttime.is_none() && !store.watched.contains(&entry.id) {
        return Err(not_running(&entry.name));
    }
    let pid = files.read(&entry.path)?.ok_or_else(|| not_running(&entry.name))?;
    let inner_pid = str::from_utf8(&pid).ok().and_then(|text| text.trim().parse().ok()).filter(|pid| *pid > 0);
    let inner_pid = inner_pid.ok_or_else(|| Error::failed(format!("{} has no PID in it", entry.path.display())))?;
    let (id, name) = (entry.id.clone(), entry.name.clone());
    Ok(Container { id, name, inner_pid, starttime, ..Container::default() })
}

/// When the container's first process started, by whichever runtime runs it.
fn starttime(files: &Files, id: &str, store: &Store) -> Result<Option<u64>> {
    let [crun, runc] = states(store);
    if let Some(init) = runtime::read::<crun::State>(files, &crun, id)? {
        return Ok(Some(init.starttime));
    }
    let init = runtime::read::<runc::State>(files, &runc, id)?;
    Ok(init.map(|init| init.starttime))
}
