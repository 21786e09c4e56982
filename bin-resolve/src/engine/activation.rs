//! Engines that do not run yet: systemd listens at their socket, and starts them for whoever connects (`systemd.socket(5)`).
//!
//! Who called `listen(2)` is known only to a peer. So that nobody has to connect, the socket is looked up among those of the
//! first process's network namespace, and its inode number among the descriptors of that process and its children. For an
//! ordinary user's engines, the user's own systemd is that process.

use std::io::ErrorKind::PermissionDenied;
use std::path::{Path, PathBuf};

use nicon_core::{Process, Result};

use crate::engine::api::peer::Listener;
use crate::engine::api::socket;
use crate::engine::endpoint::Endpoint;
use crate::rootfs::root::Root;

/// `__SO_ACCEPTCON` of linux/net.h: the socket listens.
const ACCEPTS: &str = "00010000";

/// The descriptor by which a service gets its first socket: `SD_LISTEN_FDS_START` of `sd_listen_fds(3)`.
const FIRST: i32 = 3;

/// Whether to connect to this engine would be to start it. It is in a container with this `first` process, or on our own machine.
pub(crate) async fn is_asleep(endpoint: &Endpoint, first: Option<&Process>) -> bool {
    if !endpoint.kind().starts_on_demand() {
        return false;
    }
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
                Ok(Some(manager)) => sleeps_at_one(&manager, &there),
                _ => false,
            },
            (None, Some(first)) => sleeps_at_one(first, &there),
            (None, None) => Process::pin(1).is_ok_and(|first| sleeps_at_one(&first, &there)),
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

fn sleeps_at_one(first: &Process, paths: &[&PathBuf]) -> bool {
    paths.iter().any(|path| sleeps(first, path).unwrap_or(false))
}

/// Whether the first process listens at `path`, and no child of its does.
fn sleeps(first: &Process, path: &Path) -> Result<bool> {
    let sockets = first.read("net/unix")?;
    let Some(inode) = listening(&sockets, &path.to_string_lossy()) else { return Ok(false) };
    let link = format!("socket:[{inode}]");
    let holds = |pid: i32, fd: &str| {
        std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).map(|found| found.as_os_str() == link.as_str())
    };
    // A user's own systemd has a capability that the user lacks, so its descriptors cannot be told.
    let may_hold = |fd: &String| holds(first.pid(), fd).unwrap_or_else(|error| error.kind() == PermissionDenied);
    let fds = std::fs::read_dir(format!("/proc/{}/fd", first.pid()));
    let mut fds = fds.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    if !fds.any(|fd| may_hold(&fd)) {
        return Ok(false);
    }
    let children = first.read(&format!("task/{}/children", first.pid()))?;
    let mut children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    Ok(!children.any(|pid: i32| holds(pid, &FIRST.to_string()).unwrap_or(false)))
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
