//! Reaching an engine's socket from outside: nothing is entered, and nothing in the container can lead elsewhere.

use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nicon_core::file::Known;
use nicon_core::{Doing, Error, Result, peer};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr};
use nix::sys::stat::{Mode, SFlag};
use nix::unistd::alarm;

use crate::files::{FileId, Root};
use crate::kind::Kind;

/// Where engines usually listen. `/run` comes first: `/var/run` is most often a link to it.
const DOCKER: [&str; 2] = ["/run/docker.sock", "/var/run/docker.sock"];
const PODMAN: [&str; 1] = ["/run/podman/podman.sock"];

/// How long to wait before asking a listener again whose queue is full; `connect(2)` tells no better.
const BACKLOG_PAUSE: Duration = Duration::from_millis(10);

/// How many seconds one `connect(2)` that is told not to block may take, before SIGALRM ends the program.
const LAST_RESORT: u32 = 60;

/// Where a hop's sockets are looked for.
#[derive(Debug)]
pub(crate) struct Places {
    docker: Vec<PathBuf>,
    podman: Vec<PathBuf>,
    /// Whether the user named the one engine that is meant.
    chosen: bool,
}

impl Places {
    /// The usual places, after `more`, within a container.
    pub(crate) fn inside(more: &[PathBuf]) -> Self {
        let places = |usual: &[&str]| more.iter().cloned().chain(usual.iter().map(PathBuf::from)).collect();
        Self { docker: places(&DOCKER), podman: places(&PODMAN), chosen: false }
    }

    /// The places of hop 0: what `DOCKER_HOST` says, or the usual ones.
    ///
    /// # Errors
    /// An engine on another machine: its PIDs mean nothing here.
    pub(crate) fn own(docker_host: Option<OsString>) -> Result<Self> {
        let Some(host) = docker_host.filter(|host| !host.is_empty()) else {
            return Ok(Self::inside(&[]));
        };
        let host = host.into_string().map_err(|_| Error::failed("DOCKER_HOST is not valid UTF-8"))?;
        match host.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') => {
                Ok(Self { docker: vec![path.into()], podman: vec![path.into()], chosen: true })
            }
            _ => Err(Error::failed(format!(
                "DOCKER_HOST is \"{host}\": only a unix:///PATH socket will do, because the PIDs of an engine that is \
                 reached in another way may be another machine's (unset it, or name the socket)"
            ))),
        }
    }

    /// Whether the user named the one engine that is meant.
    pub(crate) fn chosen(&self) -> bool {
        self.chosen
    }

    /// Where an engine of this kind may listen; nowhere where it is known by its files only.
    pub(crate) fn of(&self, kind: Kind) -> &[PathBuf] {
        match kind {
            Kind::Docker => &self.docker,
            Kind::Podman => &self.podman,
            Kind::Containerd | Kind::Runc => &[],
        }
    }
}

/// A connection to a socket.
pub(crate) struct Connected {
    pub(crate) stream: UnixStream,
    /// Where it was found, as it is called inside the container.
    pub(crate) path: PathBuf,
    pub(crate) file: FileId,
}

/// Connects to the first of `places` where somebody listens, below `root`, or below our own root directory; `None` where
/// none of them holds a socket.
pub(crate) async fn connect(root: Option<&Root>, places: &[PathBuf]) -> Result<Option<Connected>> {
    let mut refused = None;
    for path in places {
        let reached = match root {
            Some(root) => root.reach(path).await,
            // Our own file system is the user's to arrange, with whatever links.
            None => open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()),
        };
        let connected = match reached.doing(|| format!("open {}", path.display())) {
            Ok(socket) => connect_to(&socket, path).await,
            Err(error) => Err(error),
        };
        match connected {
            Ok(connected) => return Ok(Some(connected)),
            Err(error) if matches!(error.errno(), Some(Errno::ENOENT | Errno::ENOTDIR)) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(None), Err)
}

/// Connects to an opened socket. A listener that is behind with its work is asked again, until the hop's time is up.
async fn connect_to(socket: &OwnedFd, path: &Path) -> Result<Connected> {
    let known = Known::of(socket).doing(|| format!("look at {}", path.display()))?;
    if known.kind != SFlag::S_IFSOCK {
        return Err(Error::failed(format!("{} is not a socket", path.display())));
    }
    // The descriptor names this very socket, so that nobody can put another one in its place meanwhile.
    let address = UnixAddr::new(format!("/proc/self/fd/{}", socket.as_raw_fd()).as_str());
    let address = address.doing(|| "name the socket")?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream =
        nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).doing(|| "open a socket")?;
    match peer::ask_who_writes(&stream) {
        Ok(()) | Err(Errno::ENOPROTOOPT) => {}
        Err(errno) => return Err(Error::os("ask who will write", errno)),
    }
    let what = || format!("connect to {}", path.display());
    loop {
        // The kernel may ask a file system of the container's for its permission. A call that hangs in there can only be
        // ended together with the program.
        alarm::set(LAST_RESORT);
        let connected = nix::sys::socket::connect(stream.as_raw_fd(), &address);
        alarm::cancel();
        match connected {
            Ok(()) => {
                return Ok(Connected { stream: stream.into(), path: path.to_owned(), file: known.into() });
            }
            Err(Errno::EAGAIN) => tokio::time::sleep(BACKLOG_PAUSE).await,
            Err(errno @ (Errno::EACCES | Errno::EPERM)) => {
                return Err(Error::os(what(), errno).and_say(" (root, CAP_DAC_OVERRIDE, or the socket's group)"));
            }
            Err(errno) => return Err(Error::os(what(), errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_host_must_be_a_socket_of_this_machine() {
        assert_eq!(Places::own(Some("unix:///x/y.sock".into())).unwrap().docker, [PathBuf::from("/x/y.sock")]);
        assert_eq!(Places::own(Some("".into())).unwrap().docker.len(), DOCKER.len());
        for host in ["tcp://10.0.0.1:2375", "ssh://me@there", "unix://relative", "/run/docker.sock", "fd://"] {
            assert!(Places::own(Some(host.into())).err().unwrap().to_string().contains(host));
        }
    }
}
