//! Engines that do not run yet: systemd listens at their socket, and starts them for whoever connects (`systemd.socket(5)`).
//!
//! Who called `listen(2)` is known only to a peer. So that nobody has to connect, the socket is looked up among those of the
//! first process's network namespace, and its inode number among the descriptors of that process and its children. For an
//! ordinary user's engines, the user's own systemd is that process.

use std::io::{self, ErrorKind::PermissionDenied};
use std::path::{Path, PathBuf};

use nicon_core::{Process, Result};

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
    let may_be_there = |path: &&PathBuf| match endpoint.root.cached(path) {
        Some(found) => found.is_ok(),
        None => first.is_some() || path.exists(),
    };
    let look = async || {
        let there: Vec<_> = endpoint.sockets.iter().filter(may_be_there).collect();
        if there.is_empty() {
            return false;
        }
        if first.is_none() && endpoint.manager.is_none() && may_not_see_the_first() {
            return listens_by_its_word(endpoint.kind(), &there).await;
        }
        // What cannot be looked at is not known to be asleep; a question will tell.
        let sleeps = |manager: &Process| there.iter().any(|path| sleeps(manager, fds, path, settings).unwrap_or(false));
        with_manager(endpoint, first, sleeps).await.unwrap_or(false)
    };
    let was_asleep = *endpoint.is_asleep.get_or_init(look).await;
    // It may have begun to end since it was looked at.
    was_asleep || !settings.daemons.ending().is_empty() && look().await
}

/// Whether the descriptors of the machine's first process are not ours to see.
fn may_not_see_the_first() -> bool {
    std::fs::read_dir("/proc/1/fd").is_err_and(|error| error.kind() == PermissionDenied)
}

/// Whether the machine's systemd itself says that it listens for an engine where that usually does. It says so to everybody.
async fn listens_by_its_word(kind: Kind, there: &[&PathBuf]) -> bool {
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
    let is_held = |manager: &Process, path| held_by(manager, Fds::First, path).is_ok_and(|daemons| daemons.is_some());
    let is_held = |manager: &Process| endpoint.sockets.iter().any(|path| is_held(manager, path));
    with_manager(endpoint, first, is_held).await.unwrap_or(false)
}

/// Looks at the process that may be the systemd which starts an engine; `None` if that cannot be.
async fn with_manager<T>(endpoint: &Endpoint, first: Option<&Process>, look: impl FnOnce(&Process) -> T) -> Option<T> {
    match (&endpoint.manager, first) {
        (Some(manager), _) => listener_at(&endpoint.root, manager).await.ok().flatten().as_ref().map(look),
        (None, Some(first)) => Some(look(first)),
        (None, None) => Process::pin(1).ok().as_ref().map(look),
    }
}

/// The process that listens at `path`. To connect to a systemd tells it nothing.
async fn listener_at(root: &Root, path: &Path) -> Result<Option<Process>> {
    let Some(connected) = socket::connect(root, &[path.to_owned()]).await? else { return Ok(None) };
    let (listener, _) = Listener::of(&connected.stream)?;
    listener.pin().map(Some)
}

/// The daemons that systemd has started for an engine, in a container with this `first` process, or on our own machine.
pub(crate) fn daemons_of(endpoint: &Endpoint, first: Option<&Process>) -> Vec<Process> {
    let ours = if first.is_none() { Process::pin(1).ok() } else { None };
    let Some(first) = first.or(ours.as_ref()) else { return Vec::new() };
    let held = endpoint.sockets.iter().filter_map(|path| held_by(first, Fds::All, path).ok().flatten());
    held.flatten().filter_map(|pid| Process::pin(pid).ok()).collect()
}

/// Whether the first process listens at `path`, and no child of its does that is not about to end.
fn sleeps(first: &Process, fds: Fds, path: &Path, settings: &Settings) -> Result<bool> {
    let Some(mut daemons) = held_by(first, fds, path)? else { return Ok(false) };
    let ending = settings.daemons.ending();
    daemons.retain(|pid| !ending.contains(pid));
    Ok(daemons.is_empty())
}

/// The children of the first process that listen at `path`; `None` if it does not itself. In a container, an engine may be the first
/// process.
fn held_by(first: &Process, fds: Fds, path: &Path) -> Result<Option<Vec<i32>>> {
    if first.read("comm")?.trim_end() != MANAGER {
        return Ok(None);
    }
    let path = path.to_string_lossy();
    let held: Vec<io::Result<PathBuf>> = links_of(first.pid()).map(std::fs::read_link).collect();
    // A user's own systemd has a capability that the user lacks, so its descriptors cannot be told.
    let is_untold = held.iter().any(|fd| fd.as_ref().is_err_and(|error| error.kind() == PermissionDenied));
    let is_its = |link: &String| is_untold || held.iter().flatten().any(|fd| fd.as_os_str() == link.as_str());
    let mut link = None;
    visit_listening(first, |line| {
        // There may be others, which are gone from that path, or never were there.
        let mut links = listening(line).filter(|(_, at)| *at == path).map(|(inode, _)| format!("socket:[{inode}]"));
        link = link.take().or_else(|| links.find(is_its));
    })?;
    let Some(link) = link else { return Ok(None) };
    let children = first.read(&format!("task/{}/children", first.pid()))?;
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    let is_it = |fd: &PathBuf| is_link(fd, &link).unwrap_or(false);
    // What systemd is about to start, for whatever unit, has all that systemd has until it executes its program.
    let program = |pid: i32| std::fs::read_link(format!("/proc/{pid}/exe"));
    let systemds = program(first.pid()).ok();
    let is_daemon = |pid: i32| systemds.is_none() || program(pid).ok() != systemds;
    let holds = |pid: &i32| {
        let first = || is_it(&format!("/proc/{pid}/fd/{FIRST}").into());
        let any = || fds == Fds::All && links_of(*pid).any(|fd| is_it(&fd));
        is_daemon(*pid) && (first() || any())
    };
    Ok(Some(children.filter(holds).collect()))
}
