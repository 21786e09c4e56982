//! The containers of LXC. What runs is known from the monitor that stays beside each container, and not from files: below the directory
//! of LXC's containers there are only those that are defined.
//!
//! A monitor listens at an abstract socket that names its container, whatever its program, its title and its cgroups are called. The
//! kernel tells who holds that socket, and whose child a process is.

use std::path::{Path, PathBuf};

use nicon_core::{Error, Process, Result};

use crate::engine::container::not_running;
use crate::engine::state::first_process::{Monitored, first_below, name_of_program};
use crate::engine::state::index::{Index, IndexEntry};
use crate::engine::state::lxc_sockets::{Named, named};
use crate::engine::state::store::{Layout, Store};
use crate::query::Kind;
use crate::rootfs::files::Files;

/// What a monitor is called that runs in the background: see `lxc_start` of lxccontainer.c.
const TITLE: &str = "[lxc monitor] ";

/// The programs of LXC's own that become monitors. Any that uses its library may.
pub(super) const PROGRAMS: [&str; 4] = ["lxc-start", "lxc-execute", "lxc-autostart", "lxc-copy"];

/// Those that are defined.
pub(super) static LAYOUT: Layout = Layout {
    of_user: Some(|user| user.data.join("lxc")),
    named: Some(|files, store, index, asked| {
        for dir in &store.dirs {
            let entry = entry(dir, asked);
            if index.take(files.has(&entry.path)) {
                index.add(entry);
            }
        }
    }),
    changing,
    ..Layout::plain(Kind::Lxc, &["/var/lib/lxc"], defined, |_, _, entry| Err(not_running(&entry.name)))
};

/// Those that run, below a directory to which monitors have led.
static RUNNING: Layout = Layout { changing, ..Layout::monitored(Kind::Lxc, |_, _| Ok(false)) };

/// Where lxc-monitord keeps its pipe, if it has been started: the monitors write into that when a container runs (`lxc_monitor_fifo_name`
/// of monitor.c).
fn changing(store: &Store) -> Vec<(PathBuf, usize)> {
    let pipes = store.run.join("lxc");
    store.dirs.iter().map(|dir| (pipes.join(dir.strip_prefix("/").unwrap_or(dir)), 0)).collect()
}

fn defined(files: &Files, store: &Store, index: &mut Index) {
    for dir in &store.dirs {
        for name in index.names(files, dir) {
            let entry = entry(dir, &name);
            if index.take(files.has(&entry.path)) {
                index.add(entry);
            }
        }
    }
}

fn entry(dir: &Path, name: &str) -> IndexEntry {
    let (about, path) = (format!(" in {}", dir.display()), dir.join(name).join("config"));
    IndexEntry { id: name.to_owned(), name: name.to_owned(), about, path, ..IndexEntry::default() }
}

/// The container of a monitor; `None` if the process is no monitor, or not yet one.
///
/// # Errors
/// As [`container_of`].
pub(super) fn follow(monitor: &Process) -> Result<Option<Store>> {
    let found = container_of(monitor, &PROGRAMS)?;
    Ok(found.map(|(dir, container)| Store::usual(&RUNNING).at(vec![dir]).with(container)))
}

/// The container of a monitor, and the directory where it is defined; `None` if the process is no monitor, or not yet one. Anybody can
/// have /proc/net/unix tell of any process's sockets: that counts of monitors by these `programs` alone.
///
/// # Errors
/// If that is unknown.
pub(super) fn container_of(monitor: &Process, programs: &[&str]) -> Result<Option<(PathBuf, Monitored)>> {
    let is_lxcs = || {
        let program = std::fs::read_link(format!("/proc/{}/exe", monitor.pid()));
        program.is_ok_and(|path| name_of_program(&path).is_some_and(|name| programs.contains(&name)))
    };
    let named = match named(monitor, is_lxcs) {
        Ok(None) => return Ok(None),
        named => named,
    };
    // One that is about to become a monitor listens, too, and so does whoever wants to, at any number of sockets.
    let Some(first) = first_below(monitor, |_| Ok(true))? else { return Ok(None) };
    let Some(named) = named? else { return Ok(None) };
    let (dir, name) = match named {
        Named::Plainly(dir, name) => (dir, name),
        Named::Hashed => by_title(&monitor.read("cmdline")?)
            .ok_or_else(|| Error::failed("its container has too long a path for a name (run it in the background)"))?,
    };
    Ok(Some((dir, Monitored { name, ..first })))
}

/// The directory and the name in the title of a monitor.
pub(super) fn by_title(cmdline: &str) -> Option<(PathBuf, String)> {
    let (dir, name) = cmdline.trim_end_matches('\0').strip_prefix(TITLE)?.rsplit_once(' ')?;
    dir.starts_with('/').then(|| (dir.into(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles() {
        let title = |text: &str| by_title(text).map(|(dir, name)| format!("{} {name}", dir.display()));
        assert_eq!(title("[lxc monitor] /srv/a b box\0\0\0").as_deref(), Some("/srv/a b box"));
        for none in ["", "lxc-start\0-n\0box\0", "[lxc monitor] box", "[lxc monitor] srv box"] {
            assert_eq!(title(none), None, "{none}");
        }
    }
}
