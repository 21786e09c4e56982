//! Reaching an engine's socket from outside: nothing is entered, and nothing in the container can lead elsewhere.

use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nicon_core::{Doing, Error, Process, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr};
use nix::sys::stat::{Mode, SFlag, fstat};

use crate::guard::Guard;

/// Where engines usually listen. `/run` comes first: `/var/run` is most often a link to it.
const USUAL: [&str; 2] = ["/run/docker.sock", "/var/run/docker.sock"];

/// `openat2(2)` asks to be called again when names move about while it looks; a container could make it do so forever.
const MAX_LOOKUPS: usize = 64;

/// How long to wait before asking a listener again whose queue is full; `connect(2)` tells no better.
const BACKLOG_PAUSE: Duration = Duration::from_millis(10);

/// Where a hop's socket is looked for.
pub(crate) struct Places {
    paths: Vec<PathBuf>,
}

impl Places {
    /// The usual places, after `more`, within a container.
    pub(crate) fn inside(more: &[PathBuf]) -> Self {
        Self { paths: more.iter().cloned().chain(USUAL.map(PathBuf::from)).collect() }
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
            Some(path) if path.starts_with('/') => Ok(Self { paths: vec![path.into()] }),
            _ => Err(Error::failed(format!(
                "DOCKER_HOST is \"{host}\": only a unix:///PATH socket will do, because the PIDs of an engine that is \
                 reached in another way may be another machine's (unset it, or name the socket)"
            ))),
        }
    }
}

/// Connects to the first of `places` where somebody listens: below the root directory of `container`, or below our own.
///
/// # Errors
/// [`Status::No`](nicon_core::Status::No) where none of the places holds a socket.
pub(crate) async fn connect(
    container: Option<&Process>,
    places: &Places,
    guard: &Guard,
) -> Result<(UnixStream, PathBuf)> {
    let mut refused = None;
    for path in &places.paths {
        let reached = match container {
            Some(process) => {
                let what = format!("open {} of process {}", path.display(), process.pid());
                guard.during(&what, || reach_in(process, path))
            }
            // Our own file system is the user's to arrange, with whatever links.
            None => {
                open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).doing(|| format!("open {}", path.display()))
            }
        };
        match connect_to(reached, path, guard).await {
            Ok(stream) => return Ok((stream, path.clone())),
            Err(error) if matches!(error.errno(), Some(Errno::ENOENT | Errno::ENOTDIR)) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| {
        let tried: Vec<_> = places.paths.iter().map(|path| path.display().to_string()).collect();
        Error::no(format!("no engine socket (tried {})", tried.join(", ")))
    }))
}

/// Connects to an opened socket. A listener that is behind with its work is asked again, until the hop's time is up.
async fn connect_to(socket: Result<OwnedFd>, path: &Path, guard: &Guard) -> Result<UnixStream> {
    let socket = socket?;
    // The descriptor names this very socket, so that nobody can put another one in its place meanwhile.
    let address = UnixAddr::new(format!("/proc/self/fd/{}", socket.as_raw_fd()).as_str());
    let address = address.doing(|| "name the socket")?;
    let what = format!("connect to {}", path.display());
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream =
        nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).doing(|| "open a socket")?;
    loop {
        match guard.during(&what, || nix::sys::socket::connect(stream.as_raw_fd(), &address)) {
            Ok(()) => return Ok(stream.into()),
            Err(Errno::EAGAIN) => tokio::time::sleep(BACKLOG_PAUSE).await,
            Err(Errno::ECONNREFUSED) if !is_socket(&socket) => {
                return Err(Error::failed(format!("{} is not a socket", path.display())));
            }
            Err(errno @ (Errno::EACCES | Errno::EPERM)) => {
                return Err(Error::os(what, errno).and_say(" (root, CAP_DAC_OVERRIDE, or the socket's group)"));
            }
            Err(errno) => return Err(Error::os(what, errno)),
        }
    }
}

/// Opens `path` as if the root directory of `process` were ours: absolute links of the container stay in it, and links
/// such as /proc/1/root are not followed.
fn reach_in(process: &Process, path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let root = openat(process.dir(), "root", flags | OFlag::O_DIRECTORY, Mode::empty())
        .doing(|| format!("open /proc/{}/root (root, or CAP_SYS_PTRACE)", process.pid()))?;
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let mut lookups = (0..MAX_LOOKUPS).map(|_| openat2(&root, path, how));
    let settled = lookups.find(|answer| !matches!(answer, Err(Errno::EAGAIN))).unwrap_or(Err(Errno::EAGAIN));
    settled.doing(|| format!("open {}", path.display()))
}

fn is_socket(file: &OwnedFd) -> bool {
    fstat(file).is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFSOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_host_must_be_a_socket_of_this_machine() {
        assert_eq!(Places::own(Some("unix:///x/y.sock".into())).unwrap().paths, [PathBuf::from("/x/y.sock")]);
        assert_eq!(Places::own(Some("".into())).unwrap().paths.len(), USUAL.len());
        for host in ["tcp://10.0.0.1:2375", "ssh://me@there", "unix://relative", "/run/docker.sock", "fd://"] {
            assert!(Places::own(Some(host.into())).err().unwrap().to_string().contains(host));
        }
    }
}
