//! The containers of Incus. It has LXC run them, whose monitors are then processes of Incus' own program; so they are known as those of
//! LXC are, and its daemon, which may not run, is not asked. Its virtual machines have no such monitors, and are no containers.

use nicon_core::{Process, Result};

use crate::engine::container::not_running;
use crate::engine::state::first_process::Monitored;
use crate::engine::state::index::{Index, IndexEntry};
use crate::engine::state::lxc;
use crate::engine::state::store::{Layout, Store};
use crate::query::Kind;
use crate::rootfs::files::Files;

/// The program of the daemon, and of the monitors that it starts (`incusd forkstart`).
pub(super) const PROGRAM: &str = "incusd";

/// The project whose containers are called by their names alone.
const DEFAULT: &str = "default";

/// Those that are defined, each of which has a directory. What else is known of it is in a database, which is not read.
pub(super) static LAYOUT: Layout = Layout {
    // Those of one name in several projects are no more than one that may run.
    named: Some(|files, store, index, asked| {
        if let Some(entry) = entries(files, store, index).into_iter().find(|entry| entry.name == asked) {
            index.add(entry);
        }
    }),
    changing: |_| Vec::new(),
    ..Layout::plain(
        Kind::Incus,
        &["/var/lib/incus/containers"],
        |files, store, index| {
            for entry in entries(files, store, index) {
                index.add(entry);
            }
        },
        |_, _, entry| Err(not_running(&entry.name)),
    )
};

static RUNNING: Layout = Layout::monitored(Kind::Incus, |_, _| Ok(false));

fn entries(files: &Files, store: &Store, index: &mut Index) -> Vec<IndexEntry> {
    let mut entries = Vec::new();
    for dir in &store.dirs {
        for known in index.names(files, dir) {
            let (project, name) = name_of(&known);
            if store.extent.namespace.as_deref().is_none_or(|wanted| wanted == project) {
                let (id, about) = (name.to_owned(), format!(" in {}", dir.display()));
                let (name, namespace, path) = (id.clone(), Some(project.to_owned()), dir.join(&known));
                entries.push(IndexEntry { id, name, namespace, about, path, ..IndexEntry::default() });
            }
        }
    }
    entries
}

/// The container of a monitor; `None` if the process is none, as the daemon itself.
///
/// # Errors
/// As [`lxc::container_of`].
pub(super) fn follow(process: &Process) -> Result<Option<Store>> {
    let Some((dir, container)) = lxc::container_of(process, &[PROGRAM])? else { return Ok(None) };
    let (project, name) = name_of(&container.name);
    let (namespace, name) = (Some(project.to_owned()), name.to_owned());
    Ok(Some(Store::usual(&RUNNING).at(vec![dir]).with(Monitored { name, namespace, ..container })))
}

/// The project and the name of what LXC knows by this name: neither has an underscore (`project.Instance` of Incus).
fn name_of(name: &str) -> (&str, &str) {
    name.split_once('_').unwrap_or((DEFAULT, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_project_before_it() {
        assert_eq!(name_of("web"), ("default", "web"));
        assert_eq!(name_of("my-prod_web-1"), ("my-prod", "web-1"));
    }
}
