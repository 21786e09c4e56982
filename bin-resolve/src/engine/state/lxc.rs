//! The containers of LXC. What runs is known from the monitor that stays beside each container, and not from files: below the directory
//! of LXC's containers there are only those that are defined.
//!
//! A monitor listens at an abstract socket, `@PATH/NAME/command` (`lxc_make_abstract_socket_name` in `commands_utils.c`), also where its
//! title is another, or its cgroups have been configured to be. The kernel tells who holds that socket, and whose child a process is.

use std::path::{Path, PathBuf};

use nicon_core::{Error, Process, Result};

use crate::engine::container::not_running;
use crate::engine::state::first_process::{Monitored, first_below};
use crate::engine::state::index::{Index, IndexEntry};
use crate::engine::state::store::{Layout, Store};
use crate::engine::unix_sockets::{ACCEPTS, has_open};
use crate::query::Kind;
use crate::rootfs::files::Files;

/// What a monitor is called that runs in the background: see `lxc_start` of lxccontainer.c.
const TITLE: &str = "[lxc monitor] ";

/// The programs that become monitors.
pub(super) const PROGRAMS: [&str; 4] = ["lxc-start", "lxc-execute", "lxc-autostart", "lxc-copy"];

/// The end of the name of the socket.
const COMMAND: &str = "/command";

/// What it begins with where path and name are too long for one, and are hashed.
const HASHED: &str = "lxc/";

/// Those that are defined.
pub(super) static LAYOUT: Layout = Layout {
    of_user: Some(|user| user.data.join("lxc")),
    named: Some(|files, store, index, asked| {
        for dir in &store.dirs {
            let entry = entry(dir, asked);
            if index.take(files.has(&entry.path)) {
                index.entries.push(entry);
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
                index.entries.push(entry);
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
    let found = container_of(monitor)?;
    Ok(found.map(|(dir, container)| Store::usual(&RUNNING).at(vec![dir]).with(container)))
}

/// The container of a monitor, and the directory where it is defined; `None` if the process is no monitor, or not yet one.
///
/// # Errors
/// If that is unknown.
pub(super) fn container_of(monitor: &Process) -> Result<Option<(PathBuf, Monitored)>> {
    let Some(named) = named(monitor)? else { return Ok(None) };
    let (dir, name) = match named {
        Named::Plainly(dir, name) => (dir, name),
        Named::Hashed => by_title(&monitor.read("cmdline")?)
            .ok_or_else(|| Error::failed("its container has too long a path for a name (run it in the background)"))?,
    };
    let first = first_below(monitor, |_| Ok(true))?;
    Ok(first.map(|first| (dir, Monitored { name, ..first })))
}

/// What the socket of a monitor tells.
#[derive(Debug, PartialEq)]
enum Named {
    Plainly(PathBuf, String),
    Hashed,
}

fn named(monitor: &Process) -> Result<Option<Named>> {
    let sockets = monitor.read("net/unix")?;
    for (inode, name) in listening(&sockets) {
        if has_open(monitor, &format!("socket:[{inode}]"))? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The sockets of monitors, by their inode numbers: see `proc_pid_net(5)`, unix.
fn listening(sockets: &str) -> impl Iterator<Item = (&str, Named)> {
    sockets.lines().filter_map(|line| {
        let (before, name) = line.split_once(" @")?;
        let mut fields = before.split_whitespace();
        let accepts = fields.nth(3)? == ACCEPTS;
        let inode = fields.nth(2)?;
        let container = name.strip_suffix(COMMAND).filter(|_| accepts)?;
        if container.starts_with(HASHED) {
            return Some((inode, Named::Hashed));
        }
        let (dir, name) = container.rsplit_once('/').filter(|(dir, _)| dir.starts_with('/'))?;
        Some((inode, Named::Plainly(dir.into(), name.to_owned())))
    })
}

fn by_title(cmdline: &str) -> Option<(PathBuf, String)> {
    let (dir, name) = cmdline.trim_end_matches('\0').strip_prefix(TITLE)?.rsplit_once(' ')?;
    dir.starts_with('/').then(|| (dir.into(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_monitor_listens_at() {
        let plainly = |dir: &str, name: &str| Named::Plainly(dir.into(), name.to_owned());
        let line = |flags, name| format!("000000002331d515: 00000002 00000000 {flags} 0001 01 148298 {name}\n");
        for (flags, name, expected) in [
            (ACCEPTS, "@/var/lib/lxc/my.box/command", Some(plainly("/var/lib/lxc", "my.box"))),
            (ACCEPTS, "@/home/a b/lxc/box/command", Some(plainly("/home/a b/lxc", "box"))),
            (ACCEPTS, "@lxc/ad055575fe28ddd5/command", Some(Named::Hashed)),
            (ACCEPTS, "@lxc/ad055575fe28ddd5/var/lib/lxc", None),
            (ACCEPTS, "/var/lib/lxc/box/command", None),
            (ACCEPTS, "@box/command", None),
            ("00000000", "@/var/lib/lxc/box/command", None),
        ] {
            let sockets = line(flags, name);
            let found = listening(&sockets).next();
            assert_eq!(found, expected.map(|expected| ("148298", expected)), "{name}");
        }
    }

    #[test]
    fn titles() {
        let title = |text: &str| by_title(text).map(|(dir, name)| format!("{} {name}", dir.display()));
        assert_eq!(title("[lxc monitor] /srv/a b box\0\0\0").as_deref(), Some("/srv/a b box"));
        for none in ["", "lxc-start\0-n\0box\0", "[lxc monitor] box", "[lxc monitor] srv box"] {
            assert_eq!(title(none), None, "{none}");
        }
    }
}
