//! Engines that do not run yet: systemd listens at their socket, and starts them for whoever connects (`systemd.socket(5)`).
//!
//! Who called `listen(2)` is known only to a peer. So that nobody has to connect, the socket is looked up among those of the
//! first process's network namespace, and its inode number among the descriptors of that process and its children. For an
//! ordinary user's engines, the user's own systemd is that process.

use std::io::{self, ErrorKind::PermissionDenied};
use std::path::{Path, PathBuf};

use nicon_core::{Context, Process, Result};

use crate::engine::api::peer::Listener;
use crate::engine::api::socket;
use crate::engine::endpoint::Endpoint;
use crate::engine::settings::Settings;
use crate::rootfs::root::Root;

/// `__SO_ACCEPTCON` of linux/net.h: the socket listens.
pub(crate) const ACCEPTS: &str = "00010000";

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
        // What cannot be looked at is not known to be asleep; a question will tell.
        match (&endpoint.manager, first) {
            (Some(manager), _) => match listener_at(&endpoint.root, manager).await {
                Ok(Some(manager)) => sleeps_at_one(&manager, fds, &there),
                _ => false,
            },
            (None, Some(first)) => sleeps_at_one(first, fds, &there),
            (None, None) => Process::pin(1).is_ok_and(|first| sleeps_at_one(&first, fds, &there)),
        }
    };
    *endpoint.is_asleep.get_or_init(look).await
}

/// The process that listens at `path`. To connect to a systemd tells it nothing.
async fn listener_at(root: &Root, path: &Path) -> Result<Option<Process>> {
    let Some(connected) = socket::connect(root, &[path.to_owned()]).await? else { return Ok(None) };
    let (listener, _) = Listener::of(&connected.stream)?;
    listener.pin().map(Some)
}

fn sleeps_at_one(first: &Process, fds: Fds, paths: &[&PathBuf]) -> bool {
    paths.iter().any(|path| sleeps(first, fds, path).unwrap_or(false))
}

/// Whether the first process listens at `path`, and no child of its does. In a container, an engine may be the first process.
fn sleeps(first: &Process, fds: Fds, path: &Path) -> Result<bool> {
    if first.read("comm")?.trim_end() != MANAGER {
        return Ok(false);
    }
    let sockets = first.read("net/unix")?;
    let Some(inode) = listening(&sockets, &path.to_string_lossy()) else { return Ok(false) };
    let link = format!("socket:[{inode}]");
    // A user's own systemd has a capability that the user lacks, so its descriptors cannot be told.
    let may_be = |found: io::Result<bool>| found.unwrap_or_else(|error| error.kind() == PermissionDenied);
    if !links_of(first.pid()).any(|fd| may_be(is_link(&fd, &link))) {
        return Ok(false);
    }
    let children = first.read(&format!("task/{}/children", first.pid()))?;
    let children: Vec<i32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    let is_it = |fd: &PathBuf| is_link(fd, &link).unwrap_or(false);
    let is_awake = children.iter().any(|pid| is_it(&format!("/proc/{pid}/fd/{FIRST}").into()))
        || fds == Fds::All && children.iter().any(|pid| links_of(*pid).any(|fd| is_it(&fd)));
    Ok(!is_awake)
}

/// Whether a process has open what this link leads to, such as `socket:[42]`.
///
/// # Errors
/// If it is gone, or may not be looked at.
pub(crate) fn has_open(process: &Process, link: &str) -> Result<bool> {
    let fds = std::fs::read_dir(format!("/proc/{}/fd", process.pid())).context(|| "look at what it has open")?;
    Ok(fds.flatten().any(|fd| is_link(&fd.path(), link).unwrap_or(false)) && process.is_alive())
}

/// The links in /proc to what a process has open.
fn links_of(pid: i32) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn is_link(path: &Path, link: &str) -> io::Result<bool> {
    std::fs::read_link(path).map(|found| found.as_os_str() == link)
}

/// The inode number of the socket that listens at `path`, by /proc/PID/net/unix.
pub(crate) fn listening<'a>(sockets: &'a str, path: &str) -> Option<&'a str> {
    sockets.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let accepts = fields.nth(3)? == ACCEPTS;
        let inode = fields.nth(2)?;
        (accepts && fields.next() == Some(path)).then_some(inode)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_listens() {
        let sockets = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 17 /run/podman/podman.sock\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 18 /run/podman/podman.sock\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 19\n";
        assert_eq!(listening(sockets, "/run/podman/podman.sock"), Some("18"));
        assert_eq!(listening(sockets, "/run/docker.sock"), None);
    }
}
