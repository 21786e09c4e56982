//! Connects to an engine's socket from outside: no namespace is entered, and no path leads out of the container.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nicon_core::file::FileInfo;
use nicon_core::{Context, Error, Result, peer};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr};

use crate::chosen::{self, Chosen};
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
    /// The settings by which the user chose one engine of a kind.
    docker_by: Option<String>,
    podman_by: Option<String>,
}

impl Places {
    /// The places inside a container: `more`, then the usual ones.
    pub(crate) fn inside(more: &[PathBuf]) -> Self {
        let places = |usual: &[&str]| more.iter().cloned().chain(usual.iter().map(PathBuf::from)).collect();
        Self { docker: places(&DOCKER), podman: places(&PODMAN), docker_by: None, podman_by: None }
    }

    /// The places on our own machine: those that the user's settings choose, or else the usual ones. Settings of engines that
    /// are not asked do not count.
    ///
    /// # Errors
    /// If a chosen engine may be on another machine, or the choice is not understood.
    pub(crate) fn own(only: Option<Kind>) -> Result<Self> {
        let variables = |name: &str| std::env::var_os(name);
        let is_asked = |kind| only.is_none_or(|only| only == kind);
        let mut places = Self::inside(&[]);
        if is_asked(Kind::Docker)
            && let Some(Chosen { socket, by }) = chosen::docker(&variables)?
        {
            (places.docker, places.docker_by) = (vec![socket], Some(by));
        }
        if is_asked(Kind::Podman)
            && let Some(Chosen { socket, by }) = chosen::podman(&variables)?
        {
            (places.podman, places.podman_by) = (vec![socket], Some(by));
        }
        Ok(places)
    }

    /// The setting by which the user chose the engine of this kind, if any.
    pub(crate) fn chosen(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Docker => self.docker_by.as_deref(),
            Kind::Podman => self.podman_by.as_deref(),
            Kind::Containerd | Kind::Crun | Kind::Runc => None,
        }
    }

    /// Where an engine of this kind may listen; empty if it has no socket.
    pub(crate) fn of(&self, kind: Kind) -> &[PathBuf] {
        match kind {
            Kind::Docker => &self.docker,
            Kind::Podman => &self.podman,
            Kind::Containerd | Kind::Crun | Kind::Runc => &[],
        }
    }
}

/// A connection to a socket.
pub(crate) struct Connected {
    pub(crate) stream: UnixStream,
    /// Its path, as seen in the container.
    pub(crate) path: PathBuf,
    pub(crate) file: FileId,
    /// Whether the kernel tells who writes (Linux 6.5).
    pub(crate) tells_writer: bool,
}

/// Connects to the first of `places` below `root` where a process listens; `None` if none of them exists. If the
/// listener's queue is full, tries again until the hop's time is up.
pub(crate) async fn connect(root: &Root, places: &[PathBuf]) -> Result<Option<Connected>> {
    let may_be_there = |path: &&PathBuf| !root.is_known_absent(path);
    let places: Arc<[PathBuf]> = places.iter().filter(may_be_there).cloned().collect();
    if places.is_empty() {
        return Ok(None);
    }
    loop {
        let places = Arc::clone(&places);
        // Connecting can block: the kernel asks the socket's file system for permission.
        match root.ask(move |directory| connect_to_first(directory, &places)).await {
            Err(error) if error.errno() == Some(nix::libc::EAGAIN) => tokio::time::sleep(BACKLOG_PAUSE).await,
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
            Err(error) if error.errno() == Some(nix::libc::EAGAIN) => return Err(error),
            Err(error) if error.errno().is_some_and(|errno| is_absent(Errno::from_raw(errno))) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(None), Err)
}

fn connect_to(root: &Directory, path: &Path) -> Result<Connected> {
    let socket = root.find(path).context(|| format!("open {}", path.display()))?;
    let known = FileInfo::of(&socket).context(|| format!("inspect {}", path.display()))?;
    if !known.is_socket() {
        return Err(Error::failed(format!("{} is not a socket", path.display())));
    }
    // The descriptor refers to this very socket, even if the path is replaced.
    let address = UnixAddr::new(format!("/proc/self/fd/{}", socket.as_raw_fd()).as_str());
    let address = address.context(|| "name the socket by its descriptor")?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream =
        nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).context(|| "open a socket")?;
    let tells_writer = match peer::ask_who_writes(&stream) {
        Ok(()) => true,
        Err(error) if error.raw_os_error() == Some(nix::libc::ENOPROTOOPT) => false,
        Err(error) => return Err(Error::os("request the credentials of writers", error)),
    };
    match nix::sys::socket::connect(stream.as_raw_fd(), &address) {
        Ok(()) => Ok(Connected { stream: stream.into(), path: path.to_owned(), file: known.into(), tells_writer }),
        Err(errno) => {
            let error = Error::os(format!("connect to {}", path.display()), errno);
            Err(match errno {
                Errno::EACCES | Errno::EPERM => error.suffix(" (needs root, CAP_DAC_OVERRIDE, or the socket's group)"),
                _ => error,
            })
        }
    }
}
