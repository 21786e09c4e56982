//! Reaching an engine's socket from outside: nothing is entered, and nothing in the container can lead elsewhere.

use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nicon_core::{Doing, Error, Process, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::{Mode, SFlag, fstat};

/// Where engines usually listen. `/run` comes first: `/var/run` is most often a link to it.
const USUAL: [&str; 2] = ["/run/docker.sock", "/var/run/docker.sock"];

/// `openat2(2)` asks to be called again when names move about while it looks; a container could make it do so forever.
const MAX_LOOKUPS: usize = 64;

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
/// Blocks for as long as the container's file systems and the listener's backlog make it.
///
/// # Errors
/// [`Status::No`](nicon_core::Status::No) where none of the places holds a socket.
pub(crate) fn connect(container: Option<&Process>, places: &Places) -> Result<(UnixStream, PathBuf)> {
    let root = container.map(root_of).transpose()?;
    let mut refused = None;
    for path in &places.paths {
        let reached = match &root {
            Some(root) => reach_in(root, path),
            // Our own file system is the user's to arrange, with whatever links.
            None => open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()),
        };
        let answer = reached.doing(|| format!("open {}", path.display())).and_then(|socket| {
            // The descriptor names this very socket, so that nobody can put another one in its place meanwhile.
            check_type(&socket, path)?;
            UnixStream::connect(format!("/proc/self/fd/{}", socket.as_raw_fd()))
                .doing(|| format!("connect to {}", path.display()))
        });
        match answer {
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

fn root_of(process: &Process) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    openat(process.dir(), "root", flags, Mode::empty())
        .doing(|| format!("open /proc/{}/root (root, or CAP_SYS_PTRACE)", process.pid()))
}

/// Opens `path` as if `root` were the root directory: absolute links of the container stay in it, and links such as
/// /proc/1/root are not followed.
fn reach_in(root: &OwnedFd, path: &Path) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let mut lookups = (0..MAX_LOOKUPS).map(|_| openat2(root, path, how));
    lookups.find(|answer| !matches!(answer, Err(Errno::EAGAIN))).unwrap_or(Err(Errno::EAGAIN))
}

fn check_type(socket: &OwnedFd, path: &Path) -> Result<()> {
    let mode = fstat(socket).doing(|| format!("look at {}", path.display()))?.st_mode;
    if SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFSOCK {
        return Ok(());
    }
    Err(Error::failed(format!("{} is not a socket", path.display())))
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
