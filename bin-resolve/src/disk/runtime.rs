//! What crun and runc have in common: a directory for each container, which has its ID for a name, with a file of its state.

use std::path::Path;
use std::sync::Arc;

use nicon_core::{Error, Result};
use serde::de::DeserializeOwned;

use super::index::Index;
use super::{Entry, not_running};
use crate::container::Container;
use crate::files::Files;

/// What a runtime records of a container's first process.
pub(super) struct Init {
    pub(super) pid: i32,
    /// Field 22 of /proc/PID/stat.
    pub(super) starttime: u64,
    /// The names of its cgroups, which may be configured.
    pub(super) cgroups: Vec<String>,
}

/// Reads the `state` of a container at `place`; `None` if the runtime knows none of this ID there.
///
/// # Errors
/// As [`Files::json`].
pub(super) fn read<S: DeserializeOwned + Into<Init>>(
    files: &Files,
    place: &Path,
    id: &str,
    state: &str,
) -> Result<Option<Init>> {
    Ok(files.json::<S>(&place.join(id).join(state))?.map(Into::into))
}

/// The containers whose ID is `asked`.
pub(super) fn named(files: &Files, index: &mut Index, asked: &str, state: &str) {
    for place in index.store.places.clone() {
        let entry = entry(&place, asked.to_owned(), state);
        if index.take(files.has(&entry.place)) {
            index.entries.push(entry);
        }
    }
}

pub(super) fn index(files: &Files, index: &mut Index, state: &str) {
    for place in index.store.places.clone() {
        let known = Arc::clone(&index.store.extent.known);
        let ids = index.names(files, &place).into_iter().filter(|id| !known.contains(id));
        index.entries.extend(ids.map(|id| entry(&place, id, state)));
    }
}

fn entry(place: &Path, id: String, state: &str) -> Entry {
    let about = format!(" in {}", place.display());
    Entry { name: id.clone(), about, place: place.join(&id).join(state), id, ..Entry::default() }
}

pub(super) fn load<S: DeserializeOwned + Into<Init>>(files: &Files, entry: &Entry) -> Result<Container> {
    let gone = || Error::no(format!("container \"{}\" is gone", entry.name));
    let Init { pid, starttime, cgroups } = files.json::<S>(&entry.place)?.ok_or_else(gone)?.into();
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
