//! The files of Podman: names in its storage, and PIDs where conmon writes them. They are all there is where nobody has
//! started its service, as is usual.

use std::sync::Arc;

use nicon_core::{Error, Result};
use serde::Deserialize;

use super::index::Index;
use super::{Entry, Store, crun, not_running, runc, runtime};
use crate::container::Container;
use crate::files::Files;

/// Where Podman keeps its storage by default.
pub(super) const PLACES: &[&str] = &["/var/lib/containers/storage"];

/// Where it keeps what is of no use after a restart of the machine, below root's directory for that, and below a user's.
pub(super) const RUN: &str = "containers/storage";
pub(super) const RUN_OF_USER: &str = "containers";

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

pub(super) fn index(files: &Files, index: &mut Index) {
    let (run, known) = (index.store.runroot(), Arc::clone(&index.store.extent.known));
    for (place, driver) in index.store.places.clone().iter().flat_map(|place| DRIVERS.map(|driver| (place, driver))) {
        let directory = format!("{driver}-containers");
        for list in LISTS {
            let stored: Option<Vec<Stored>> = index.take(files.json(&place.join(&directory).join(list)));
            let stored = stored.into_iter().flatten().filter(|stored| !known.contains(&stored.id));
            index.entries.extend(stored.map(|Stored { id, names }| Entry {
                name: names.into_iter().next().unwrap_or_else(|| id.clone()),
                place: run.join(&directory).join(&id).join("userdata/pidfile"),
                id,
                ..Entry::default()
            }));
        }
    }
}

/// The PID file outlives the container; the runtime's state, which has the start time, does not, and neither does conmon.
pub(super) fn load(files: &Files, entry: &Entry, store: &Store) -> Result<Container> {
    let starttime = starttime(files, &entry.id, store)?;
    if starttime.is_none() && !store.watched.contains(&entry.id) {
        return Err(not_running(&entry.name));
    }
    let pid = files.read(&entry.place)?.ok_or_else(|| not_running(&entry.name))?;
    let inner_pid = str::from_utf8(&pid).ok().and_then(|text| text.trim().parse().ok()).filter(|pid| *pid > 0);
    let inner_pid = inner_pid.ok_or_else(|| Error::failed(format!("{} has no PID in it", entry.place.display())))?;
    let (id, name) = (entry.id.clone(), entry.name.clone());
    Ok(Container { id, name, inner_pid, starttime, ..Container::default() })
}

/// When the container's first process started, by whichever runtime runs it.
fn starttime(files: &Files, id: &str, store: &Store) -> Result<Option<u64>> {
    let [crun, runc] = store.states();
    if let Some(init) = runtime::read::<crun::State>(files, &crun, id, crun::STATE)? {
        return Ok(Some(init.starttime));
    }
    let init = runtime::read::<runc::State>(files, &runc, id, runc::STATE)?;
    Ok(init.map(|init| init.starttime))
}
