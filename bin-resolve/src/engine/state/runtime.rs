//! What crun and runc have in common: a directory for each container, which has its ID for a name, with a file of its state.

use std::path::Path;

use nicon_core::{Error, Result};
use serde::de::DeserializeOwned;

use crate::engine::container::{Container, not_running};
use crate::engine::state::index::{Index, IndexEntry};
use crate::engine::state::store::Store;
use crate::rootfs::files::Files;

/// The state that a runtime keeps of a container.
pub(super) trait StateFile: DeserializeOwned + Into<Init> {
    /// The name of its file.
    const FILE: &str;
}

/// What a runtime records of a container's first process.
pub(super) struct Init {
    pub(super) pid: i32,
    /// Field 22 of /proc/PID/stat.
    pub(super) starttime: u64,
    /// The names of its cgroups, which may be configured.
    pub(super) cgroups: Vec<String>,
}

/// Reads the state of a container in `dir`; `None` if the runtime knows none of this ID there.
///
/// # Errors
/// As [`Files::json`].
pub(super) fn read<S: StateFile>(files: &Files, dir: &Path, id: &str) -> Result<Option<Init>> {
    Ok(files.json::<S>(&dir.join(id).join(S::FILE))?.map(Into::into))
}

/// The containers whose ID is `asked`.
pub(super) fn named<S: StateFile>(files: &Files, store: &Store, index: &mut Index, asked: &str) {
    for dir in &store.dirs {
        let entry = entry::<S>(dir, asked.to_owned());
        if index.take(files.has(&entry.path)) {
            index.add(entry);
        }
    }
}

pub(super) fn index<S: StateFile>(files: &Files, store: &Store, index: &mut Index) {
    for dir in &store.dirs {
        let ids = index.names(files, dir).into_iter().filter(|id| !store.extent.known.contains(id));
        ids.for_each(|id| index.add(entry::<S>(dir, id)));
    }
}

fn entry<S: StateFile>(dir: &Path, id: String) -> IndexEntry {
    let about = format!(" in {}", dir.display());
    IndexEntry { name: id.clone(), about, path: dir.join(&id).join(S::FILE), id, ..IndexEntry::default() }
}

pub(super) fn load<S: StateFile>(files: &Files, _: &Store, entry: &mut IndexEntry) -> Result<Container> {
    let gone = || Error::no(format!("container \"{}\" is gone", entry.name));
    let Init { pid, starttime, cgroups } = files.json::<S>(&entry.path)?.ok_or_else(gone)?.into();
    if pid <= 0 {
        return Err(not_running(&entry.name));
    }
    let (id, name) = (entry.id.clone(), entry.name.clone());
    Ok(Container { id, name, inner_pid: pid, starttime: Some(starttime), cgroups, ..Container::default() })
}

/// The last components of paths of cgroups.
pub(super) fn names_of<'a>(paths: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let name = |path: &'a String| Some(Path::new(path).file_name()?.to_str()?.to_owned());
    let mut names: Vec<String> = paths.into_iter().filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}
