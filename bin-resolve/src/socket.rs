//! Connects to an engine's socket from outside: no namespace is entered, and no path leads out of the container.

use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nicon_core::file::Known;
use nicon_core::{Doing, Error, Result, peer};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr};
use nix::sys::stat::SFlag;

use crate::kind::Kind;
use crate::root::{Directory, FileId, Root, is_absent};

/// Where engines usually listen. `/run` comes first, since `/var/run` is usually a link to it.
const DOCKER: [&str; 2] = ["/run/docker.sock", "/var/run/docker.sock"];
const PODMAN: [&str; 1] = ["/run/podman/podman.sock"];

/// How long to wait before connecting again to a listener whose queue is full. There is nothing to poll for.
const BACKLOG_PAUSE: Duration = Duration::from_millis(10);

/// Where a hop's sockets may be.
#[derive(Debug)]
pub(crate) struct Places {
    docker: Vec<PathBuf>,
    podman: Vec<PathBuf>,
    /// Whether the user chose the engine by its socket.
    chosen: bool,
}

impl Places {
    /// The places inside a container: `more`, then the usual ones.
    pub(crate) fn inside(more: &[PathBuf]) -> Self {
        let places = |usual: &[&str]| more.iter().cloned().chain(usual.iter().map(PathBuf::from)).collect();
        Self { docker: places(&DOCKER), podman: places(&PODMAN), chosen: false }
    }

    /// The places on our own machine: the one in `DOCKER_HOST`, or the usual ones.
    ///
    /// # Errors
    /// If `DOCKER_HOST` may be an engine on another machine.
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
                "DOCKER_HOST is \"{host}\": only unix:///PATH is supported, since PIDs from another machine mean \
                 nothing here (unset it, or name the socket)"
            ))),
        }
    }

    /// Whether the user chose the engine by its socket.
    pub(crate) fn chosen(&self) -> bool {
        self.chosen
    }

    /// Where an engine of this kind may listen; empty if it has no socket.
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
    /// Its path, as seen in the container.
    pub(crate) path: PathBuf,
    pub(crate) file: FileId,
}

/// Connects to the first of `places` below `root` where a process listens; `None` if none of them exists. If the
/// listener's queue is full, tries again until the hop's time is up.
pub(crate) async fn connect(root: &Root, places: &[PathBuf]) -> Result<Option<Connected>> {
    let may_be_there = |path: &&PathBuf| !matches!(root.cached(path), Some(Err(error)) if is_absent(&error));
    let places: Arc<[PathBuf]> = places.iter().filter(may_be_there).cloned().collect();
    if places.is_empty() {
        return Ok(None);
    }
    loop {
        let places = Arc::clone(&places);
        // Connecting can block: the kernel asks the socket's file system for permission.
        match root.ask(move |directory| connect_to_first(directory, &places)).await {
            Err(error) if error.errno() == Some(Errno::EAGAIN) => tokio::time::sleep(BACKLOG_PAUSE).await,
            connected => return connected,
        }
    }
}

/// Connects to the first of `places` where a process listens. This may block forever.
pub(crate) fn connect_to_first(root: &Directory, places: &[PathBuf]) -> Result<Option<Connected>> {
    let mut refused = None;
    for path in places {
        match connect_to(root, path) {
            Ok(connected) => return Ok(Some(connected)),
            Err(error) if error.errno() == Some(Errno::EAGAIN) => return Err(error),
            Err(error) if is_absent(&error) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(None), Err)
}

fn connect_to(root: &Directory, path: &Path) -> Result<Connected> {
    let socket = root.find(path).doing(|| format!("open {}", path.display()))?;
    let known = Known::of(&socket).doing(|| format!("inspect {}", path.display()))?;
    if known.kind != SFlag::S_IFSOCK {
        return Err(Error::failed(format!("{} is not a socket", path.display())));
    }
    // The descriptor refers to this very socket, even if the path is replaced.
    let address = UnixAddr::new(format!("/proc/self/fd/{}", socket.as_raw_fd()).as_str());
    let address = address.doing(|| "name the socket by its descriptor")?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream =
        nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).doing(|| "open a socket")?;
    match peer::ask_who_writes(&stream) {
        Ok(()) | Err(Errno::ENOPROTOOPT) => {}
        Err(errno) => return Err(Error::os("request the credentials of writers", errno)),
    }
    match nix::sys::socket::connect(stream.as_raw_fd(), &address) {
        Ok(()) => Ok(Connected { stream: stream.into(), path: path.to_owned(), file: known.into() }),
        Err(errno) => {
            let error = Error::os(format!("connect to {}", path.display()), errno);
            Err(match errno {
                Errno::EACCES | Errno::EPERM => error.and_say(" (needs root, CAP_DAC_OVERRIDE, or the socket's group)"),
                _ => error,
            })
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
