//! Engines that do not run yet: systemd listens at their socket, and starts them for whoever connects (`systemd.socket(5)`).
//!
//! Who called `listen(2)` is known only to a peer. So that nobody has to connect, the socket is looked up among those of the
//! first process's network namespace, and its inode number among the descriptors of that process and its children. For an
//! ordinary user's engines, the user's own systemd is that process.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::ErrorKind::PermissionDenied;
use std::path::{Path, PathBuf};

use nicon_core::{Error, Process, Result};

use crate::engine::api::peer::Listener;
use crate::engine::api::{socket, sockets};
use crate::engine::endpoint::Endpoint;
use crate::engine::settings::Settings;
use crate::engine::systemd::is_listening;
use crate::engine::unix_sockets::{is_link, links_of, listening, visit_listening};
use crate::query::Kind;
use crate::rootfs::blocking;
use crate::rootfs::root::Root;

/// What systemd calls its process, whatever it was started as.
const MANAGER: &str = "systemd";

/// The descriptor by which a service gets its first socket: `SD_LISTEN_FDS_START` of `sd_listen_fds(3)`.
const FIRST: i32 = 3;

/// The most sockets at one path and descriptors that are looked at in a container, or of a user's systemd and its children. One of the
/// machine's has some hundreds.
const MOST: usize = 1 << 17;

/// By which descriptors a service has its socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fds {
    /// By that by which it got it.
    First,
    /// By any: Docker's daemon keeps a copy, and closes the first.
    All,
}

/// Whether to connect to this engine would be to start it. It is in a container with this `first` process, or on our own machine.
pub(crate) async fn is_asleep(endpoint: &Endpoint, first: Option<&Process>, settings: &Settings) -> bool {
    if settings.connects_at_once(endpoint.kind()) {
        return false;
    }
    let fds = if endpoint.kind().starts_on_demand() { Fds::First } else { Fds::All };
    let look = async || {
        let there = may_be_there(endpoint, first).await;
        if there.is_empty() {
            return false;
        }
        if first.is_none() && endpoint.manager.is_none() && may_not_see_the_first() {
            return listens_by_its_word(endpoint.kind(), &there).await;
        }
        let daemons = held_by_manager(endpoint, first, fds, there).await;
        let ending = settings.daemons.ending();
        daemons.iter().any(|daemons| daemons.iter().all(|pid| ending.contains(pid)))
    };
    let was_asleep = *endpoint.is_asleep.get_or_init(look).await;
    // It may have begun to end since it was looked at.
    was_asleep || !settings.daemons.ending().is_empty() && look().await
}

/// The sockets that may be there. Those of a container are not looked for where that takes a thread.
async fn may_be_there(endpoint: &Endpoint, first: Option<&Process>) -> Vec<PathBuf> {
    let mut there = Vec::new();
    for path in &endpoint.sockets {
        let is_there = match endpoint.root.cached(path) {
            Some(found) => found.is_ok(),
            None => first.is_some() || endpoint.root.file_at(path).await.is_ok(),
        };
        there.extend(is_there.then(|| path.clone()));
    }
    there
}

/// Whether the descriptors of the machine's first process are not ours to see.
fn may_not_see_the_first() -> bool {
    std::fs::read_dir("/proc/1/fd").is_err_and(|error| error.kind() == PermissionDenied)
}

/// Whether the machine's systemd itself says that it listens for an engine where that usually does. It says so to everybody.
async fn listens_by_its_word(kind: Kind, there: &[PathBuf]) -> bool {
    let Some(unit) = sockets::unit(kind).filter(|_| there.iter().any(|path| sockets::is_usual(kind, path))) else {
        return false;
    };
    // What cannot be asked is not known to be asleep; a question will tell.
    blocking::ask(move || is_listening(unit)).await.unwrap_or(false)
}

/// Whether systemd listens for this engine, and so would start it anew for whoever connects when it has ended, though that is not to be.
pub(crate) async fn is_held(endpoint: &Endpoint, first: Option<&Process>, settings: &Settings) -> bool {
    if settings.connects_at_once(endpoint.kind()) {
        return false;
    }
    !held_by_manager(endpoint, first, Fds::First, endpoint.sockets.clone()).await.is_empty()
}

/// For each of the paths at which the systemd listens that may start an engine: who of its children does, too. What cannot be looked at is
/// not known to be so; a question will tell.
async fn held_by_manager(endpoint: &Endpoint, first: Option<&Process>, fds: Fds, paths: Vec<PathBuf>) -> Vec<Vec<i32>> {
    let Some(manager) = &endpoint.manager else { return held_by_first(endpoint, first, fds, paths).await };
    let listener = listener_at(&endpoint.root, manager).await.ok().flatten();
    match listener {
        Some(listener) => held(&endpoint.root, &listener, MOST, fds, paths).await,
        None => Vec::new(),
    }
}

/// The same of the first process of a container, or of our own machine.
async fn held_by_first(endpoint: &Endpoint, first: Option<&Process>, fds: Fds, paths: Vec<PathBuf>) -> Vec<Vec<i32>> {
    if let Some(first) = first {
        return held(&endpoint.root, first, MOST, fds, paths).await;
    }
    // Our own machine's is root's, and no thread is to be waited for: what it starts is not to be started.
    match Process::pin(1) {
        Ok(first) if is_manager(&first) => held_by_each(&first, usize::MAX, fds, &paths),
        _ => Vec::new(),
    }
}

/// The process that listens at `path`. To connect to a systemd tells it nothing.
async fn listener_at(root: &Root, path: &Path) -> Result<Option<Process>> {
    let Some(connected) = socket::connect(root, &[path.to_owned()]).await? else { return Ok(None) };
    let (listener, _) = Listener::of(&connected.stream)?;
    listener.pin().map(Some)
}

/// The daemons that systemd has started for an engine, in a container with this `first` process, or on our own machine.
pub(crate) async fn daemons_of(endpoint: &Endpoint, first: Option<&Process>) -> Vec<Process> {
    let held = held_by_first(endpoint, first, Fds::All, endpoint.sockets.clone()).await;
    held.into_iter().flatten().filter_map(|pid| Process::pin(pid).ok()).collect()
}

/// For each of the paths at which a process listens that is a systemd: who of its children does, too.
async fn held(root: &Root, first: &Process, most: usize, fds: Fds, paths: Vec<PathBuf>) -> Vec<Vec<i32>> {
    if !is_manager(first) {
        return Vec::new();
    }
    let Ok(pidfd) = first.pidfd().try_clone_to_owned() else { return Vec::new() };
    // Anybody may have any number of sockets and descriptors, so that this takes its time.
    let look = move || {
        let first = Process::from_pidfd(pidfd)?;
        Ok(held_by_each(&first, most, fds, &paths))
    };
    blocking::ask_one(root.threads(), look).await.unwrap_or_default()
}

/// Whether a first process is a systemd: in a container, an engine may be the first one.
fn is_manager(first: &Process) -> bool {
    first.read("comm").is_ok_and(|name| name.trim_end() == MANAGER)
}

/// For each of the paths at which the first process listens: who of its children does, too.
fn held_by_each(first: &Process, most: usize, fds: Fds, paths: &[PathBuf]) -> Vec<Vec<i32>> {
    paths.iter().filter_map(|path| held_by(first, most, fds, path).ok().flatten()).collect()
}

/// The children of the first process that listen at `path`; `None` if it does not itself.
///
/// # Errors
/// If it is gone, or there are more than this number of sockets or descriptors.
fn held_by(first: &Process, most: usize, fds: Fds, path: &Path) -> Result<Option<Vec<i32>>> {
    let left = Cell::new(most);
    let Some(link) = socket_of(first, &left, path)? else { return Ok(None) };
    let children = first.read(&format!("task/{}/children", first.pid()))?;
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    let is_it = |fd: &PathBuf| is_link(fd, &link).unwrap_or(false);
    // What systemd is about to start, for whatever unit, has all that systemd has until it executes its program.
    let program = |pid: i32| std::fs::read_link(format!("/proc/{pid}/exe"));
    let systemds = program(first.pid()).ok();
    let is_daemon = |pid: i32| systemds.is_none() || program(pid).ok() != systemds;
    let holds = |pid: &i32| {
        let first = || is_it(&format!("/proc/{pid}/fd/{FIRST}").into());
        let any = || fds == Fds::All && counted(links_of(*pid), &left).any(|fd| is_it(&fd));
        is_daemon(*pid) && (first() || any())
    };
    let held = children.filter(holds).collect();
    enough(&left)?;
    Ok(Some(held))
}

/// The link in /proc to the socket by which a process listens at `path`; `None` if it does not.
fn socket_of(process: &Process, left: &Cell<usize>, path: &Path) -> Result<Option<String>> {
    let path = path.to_string_lossy();
    // There may be others, which are gone from that path, or never were there.
    let mut order = HashMap::new();
    visit_listening(process, |line| {
        let at_path = listening(line).filter(|(_, at)| *at == path).take_while(|_| count(left));
        at_path.for_each(|(inode, _)| {
            let number = order.len();
            order.entry(format!("socket:[{inode}]")).or_insert(number);
        });
    })?;
    enough(left)?;
    let mut its: Option<(usize, &String)> = None;
    let links = if order.is_empty() { None } else { Some(counted(links_of(process.pid()), left)) };
    for fd in links.into_iter().flatten() {
        match std::fs::read_link(fd) {
            Ok(link) => {
                let known = link.to_str().and_then(|link| order.get_key_value(link));
                let known = known.map(|(link, number)| (*number, link));
                its = its.into_iter().chain(known).min();
            }
            // A user's own systemd has a capability that the user lacks, so its descriptors cannot be told.
            Err(error) if error.kind() == PermissionDenied => {
                its = order.iter().map(|(link, number)| (*number, link)).min();
                break;
            }
            Err(_) => {}
        }
    }
    enough(left)?;
    Ok(its.map(|(_, link)| link.clone()))
}

/// As many of these as there are left to be looked at.
fn counted<T>(all: impl Iterator<Item = T>, left: &Cell<usize>) -> impl Iterator<Item = T> {
    all.take_while(|_| count(left))
}

/// Counts one more, unless none is left.
fn count(left: &Cell<usize>) -> bool {
    left.set(left.get().saturating_sub(1));
    left.get() > 0
}

fn enough(left: &Cell<usize>) -> Result<()> {
    if left.get() > 0 { Ok(()) } else { Err(Error::failed("there are too many sockets and descriptors to look at")) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn there_is_an_end_to_what_is_looked_at() {
        let path = std::env::temp_dir().join(format!("nicon-activation-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let myself = Process::myself().unwrap();
        let socket = |most: usize, path: &Path| socket_of(&myself, &Cell::new(most), path);
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&listener));
        let link = std::fs::read_link(link).unwrap();
        assert_eq!(socket(MOST, &path).unwrap().as_deref(), link.to_str());
        assert!(socket(2, &path).is_err(), "it has more descriptors");
        assert_eq!(socket(2, Path::new("/no/such/socket")).unwrap(), None, "nobody listens there");
        let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
        let has_all = |most| held_by(&myself, most, Fds::All, &path).is_ok();
        assert!(has_all(MOST) && !has_all(open.min(3)));
        std::fs::remove_file(path).unwrap();
    }
}
