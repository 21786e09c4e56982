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
use nix::unistd::alarm;

/// Where engines usually listen. `/run` comes first: `/var/run` is most often a link to it.
const USUAL: [&str; 2] = ["/run/docker.sock", "/var/run/docker.sock"];

/// `openat2(2)` asks to be called again when names move about while it looks; a container could make it do so forever.
const MAX_LOOKUPS: usize = 64;

/// How long to wait before asking a listener again whose queue is full; `connect(2)` tells no better.
const BACKLOG_PAUSE: Duration = Duration::from_millis(10);

/// `RESOLVE_CACHED` of linux/openat2.h (Linux 5.12), which nix lacks: look up only what needs no waiting, else EAGAIN.
const RESOLVE_CACHED: ResolveFlag = ResolveFlag::from_bits_retain(0x20);

/// How many seconds one `connect(2)` that is told not to block may take, before SIGALRM ends the program.
const LAST_RESORT: u32 = 60;

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

/// A connection to a socket.
pub(crate) struct Connected {
    pub(crate) stream: UnixStream,
    /// Where it was found, as it is called inside the container.
    pub(crate) path: PathBuf,
    pub(crate) file: FileId,
}

/// Device and inode number: two paths with the same one lead to the same listener, whatever they are called.
pub(crate) type FileId = (u64, u64);

/// Connects to the first of `places` where somebody listens: below the root directory of `container`, or below our own.
///
/// # Errors
/// [`Status::No`](nicon_core::Status::No) where none of the places holds a socket.
pub(crate) async fn connect(container: Option<&Process>, places: &Places) -> Result<Connected> {
    let root = container.map(root_of).transpose()?;
    let mut refused = None;
    for path in &places.paths {
        let reached = match &root {
            Some(root) => reach_in(root, path).await,
            // Our own file system is the user's to arrange, with whatever links.
            None => open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()),
        };
        let connected = match reached.doing(|| format!("open {}", path.display())) {
            Ok(socket) => connect_to(&socket, path).await,
            Err(error) => Err(error),
        };
        match connected {
            Ok(connected) => return Ok(connected),
            Err(error) if matches!(error.errno(), Some(Errno::ENOENT | Errno::ENOTDIR)) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| {
        let tried: Vec<_> = places.paths.iter().map(|path| path.display().to_string()).collect();
        Error::no(format!("no engine socket (tried {})", tried.join(", ")))
    }))
}

fn root_of(process: &Process) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    openat(process.dir(), "root", flags, Mode::empty())
        .doing(|| format!("open /proc/{}/root (root, or CAP_SYS_PTRACE)", process.pid()))
}

/// Opens `path` as if `root` were the root directory: absolute links of the container stay in it, and links such as
/// /proc/1/root are not followed.
///
/// Whoever is root in the container may serve its file systems himself (FUSE) and never answer. So only what the kernel
/// has at hand is looked up here, as it nearly always has; the rest is left to a thread, which the time-out of the hop
/// leaves behind.
async fn reach_in(root: &OwnedFd, path: &Path) -> nix::Result<OwnedFd> {
    match look_up(root, path, RESOLVE_CACHED) {
        Err(Errno::EAGAIN | Errno::EINVAL) => {}
        settled => return settled,
    }
    let root = root.try_clone().map_err(|_| Errno::EMFILE)?;
    let path = path.to_owned();
    let looking = tokio::task::spawn_blocking(move || {
        let mut looks = (0..MAX_LOOKUPS).map(|_| look_up(&root, &path, ResolveFlag::empty()));
        looks.find(|answer| !matches!(answer, Err(Errno::EAGAIN))).unwrap_or(Err(Errno::EAGAIN))
    });
    looking.await.unwrap_or(Err(Errno::EIO))
}

fn look_up(root: &OwnedFd, path: &Path, more: ResolveFlag) -> nix::Result<OwnedFd> {
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | more;
    openat2(root, path, OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve))
}

/// Connects to an opened socket. A listener that is behind with its work is asked again, until the hop's time is up.
async fn connect_to(socket: &OwnedFd, path: &Path) -> Result<Connected> {
    // The descriptor names this very socket, so that nobody can put another one in its place meanwhile.
    let address = UnixAddr::new(format!("/proc/self/fd/{}", socket.as_raw_fd()).as_str());
    let address = address.doing(|| "name the socket")?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream =
        nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).doing(|| "open a socket")?;
    let what = || format!("connect to {}", path.display());
    loop {
        // The kernel may ask a file system of the container's for its permission. A call that hangs in there can only be
        // ended together with the program.
        alarm::set(LAST_RESORT);
        let connected = nix::sys::socket::connect(stream.as_raw_fd(), &address);
        alarm::cancel();
        match connected {
            Ok(()) => {
                let file = fstat(socket).doing(|| format!("look at {}", path.display()))?;
                return Ok(Connected {
                    stream: stream.into(),
                    path: path.to_owned(),
                    file: (file.st_dev, file.st_ino),
                });
            }
            Err(Errno::EAGAIN) => tokio::time::sleep(BACKLOG_PAUSE).await,
            Err(Errno::ECONNREFUSED) if !is_socket(socket) => {
                return Err(Error::failed(format!("{} is not a socket", path.display())));
            }
            Err(errno @ (Errno::EACCES | Errno::EPERM)) => {
                return Err(Error::os(what(), errno).and_say(" (root, CAP_DAC_OVERRIDE, or the socket's group)"));
            }
            Err(errno) => return Err(Error::os(what(), errno)),
        }
    }
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
