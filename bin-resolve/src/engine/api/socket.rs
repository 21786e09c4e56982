//! Connects to an engine's socket from outside: no namespace is entered, and no path leads out of the container.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nicon_core::file::FileInfo;
use nicon_core::{Context, Error, Result, peer};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr};

use crate::rootfs::directory::{Directory, FileId, is_absent};
use crate::rootfs::root::Root;

/// How long to wait before connecting again to a listener whose queue is full. There is nothing to poll for.
const BACKLOG_PAUSE: Duration = Duration::from_millis(10);

/// A connection to a socket.
pub(crate) struct Connected {
    pub(crate) stream: UnixStream,
    /// Its path, as seen in the container.
    pub(crate) path: PathBuf,
    pub(crate) file: FileId,
}

/// Connects to the first of `paths` below `root` where a process listens; `None` if none of them exists. If the
/// listener's queue is full, tries again until the hop's time is up.
pub(crate) async fn connect(root: &Root, paths: &[PathBuf]) -> Result<Option<Connected>> {
    let may_be_there = |path: &&PathBuf| !root.is_known_absent(path);
    let paths: Arc<[PathBuf]> = paths.iter().filter(may_be_there).cloned().collect();
    if paths.is_empty() {
        return Ok(None);
    }
    loop {
        let paths = Arc::clone(&paths);
        // Connecting can block: the kernel asks the socket's file system for permission.
        match root.ask(move |directory| Ok(connect_to_first(directory, &paths))).await? {
            Err(error) if error.errno() == Some(libc::EAGAIN) => tokio::time::sleep(BACKLOG_PAUSE).await,
            connected => return connected,
        }
    }
}

/// Connects to the first of `paths` where a process listens. This may block forever.
pub(crate) fn connect_to_first(root: &Directory, paths: &[PathBuf]) -> Result<Option<Connected>> {
    let mut refused = None;
    for path in paths {
        let socket = root.find(path).context(|| format!("open {}", path.display()));
        match socket.and_then(|socket| connect_to(&socket, path)) {
            Ok(connected) => return Ok(Some(connected)),
            Err(error) if error.errno() == Some(libc::EAGAIN) => return Err(error),
            Err(error) if error.errno().is_some_and(|errno| is_absent(Errno::from_raw(errno))) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(None), Err)
}

/// Connects to the socket that was found at `path`. This may block forever, unless the kernel itself serves its file system.
///
/// # Errors
/// EAGAIN if the listener's queue is full; and if nobody listens, or we may not connect.
pub(crate) fn connect_to(socket: &OwnedFd, path: &Path) -> Result<Connected> {
    let known = FileInfo::of(socket).context(|| format!("inspect {}", path.display()))?;
    if !known.is_socket() {
        return Err(Error::failed(format!("{} is not a socket", path.display())));
    }
    // The descriptor refers to this very socket, even if the path is replaced.
    let address = UnixAddr::new(format!("/proc/self/fd/{}", socket.as_raw_fd()).as_str());
    let address = address.context(|| "name the socket by its descriptor")?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream =
        nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).context(|| "open a socket")?;
    peer::ask_who_writes(&stream).context(|| "request the credentials of writers")?;
    match nix::sys::socket::connect(stream.as_raw_fd(), &address) {
        Ok(()) => Ok(Connected { stream: stream.into(), path: path.to_owned(), file: known.into() }),
        Err(errno) => {
            let error = Error::os(format!("connect to {}", path.display()), errno);
            Err(match errno {
                Errno::EACCES | Errno::EPERM => error.suffix(" (needs root, CAP_DAC_OVERRIDE, or the socket's group)"),
                _ => error,
            })
        }
    }
}
