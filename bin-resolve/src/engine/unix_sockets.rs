//! Unix sockets: which of them listen, as /proc tells, and who has them open.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use nicon_core::{Context, Error, Process, Result};
use nix::fcntl::{OFlag, openat};
use nix::libc;
use nix::sys::socket::sockopt::{AcceptConn, PeerCredentials};
use nix::sys::socket::{UnixAddr, getsockname, getsockopt};
use nix::sys::stat::Mode;

/// `__SO_ACCEPTCON` of linux/net.h: the socket listens.
pub(crate) const ACCEPTS: &str = "00010000";

/// How much of a list of sockets is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// The sockets that listen, by /proc/PID/net/unix: their inode numbers, and their paths, or `@` and their abstract names. Anybody can
/// have a line there that says anything: the kernel writes a line break in a name as it is.
pub(crate) fn listening(sockets: &str) -> impl Iterator<Item = (u64, &str)> {
    sockets.lines().filter_map(|line| {
        let mut rest = line;
        let mut fields = std::iter::from_fn(|| {
            let (field, after) = rest.trim_start_matches(' ').split_once(' ')?;
            rest = after;
            Some(field)
        });
        let accepts = fields.nth(3)? == ACCEPTS;
        let inode = fields.nth(2)?.parse().ok()?;
        accepts.then_some((inode, rest))
    })
}

/// Calls `visit` with a line for each socket in the network namespace of a process, for [`listening`]. There may be any number of them, so
/// that no more than one is kept.
///
/// # Errors
/// If the process is gone, or they cannot be read.
pub(crate) fn visit_listening(process: &Process, visit: impl FnMut(&str)) -> Result<()> {
    let file = openat(process.dir(), "net/unix", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    if_alive(process, file.map_err(io::Error::from).and_then(|file| visit_lines(File::from(file), visit)))
}

fn visit_lines(file: File, mut visit: impl FnMut(&str)) -> io::Result<()> {
    let (mut reader, mut line) = (BufReader::with_capacity(CHUNK, file), Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        visit(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

/// The inode numbers of the sockets that a process has open.
///
/// # Errors
/// If it is gone, or may not be looked at.
pub(crate) fn inodes_of(process: &Process) -> Result<BTreeSet<u64>> {
    let inodes = sockets_of(process.pid()).map(|sockets| sockets.map(|(_, inode)| inode).collect());
    if_alive(process, inodes)
}

/// What was found out about a process, if that is still there.
fn if_alive<T>(process: &Process, found: io::Result<T>) -> Result<T> {
    if process.is_alive() {
        return found.context(|| "look at what it has open");
    }
    Err(Error::no(format!("process {} is gone", process.pid())))
}

/// The descriptors of a process that are sockets, with their inode numbers.
///
/// # Errors
/// If it is gone, or may not be looked at.
pub(crate) fn sockets_of(pid: i32) -> io::Result<impl Iterator<Item = (i32, u64)>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    Ok(entries.filter_map(|entry| {
        let link = std::fs::read_link(entry.path()).ok()?;
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, inode))
    }))
}

/// The abstract names at which a process listens, as its sockets themselves tell. One at which another user has called `listen(2)` is
/// none of its: a process may keep what it was sent.
///
/// # Errors
/// If it is gone, or may not be attached to (`ptrace(2)`).
pub(crate) fn abstract_names(process: &Process) -> Result<Vec<String>> {
    let [_, uid, ..] = process.uids()?;
    let names = || {
        let mut names = Vec::new();
        for (fd, _) in sockets_of(process.pid())? {
            match process.duplicate(fd) {
                Ok(socket) => names.extend(abstract_name(&socket, uid).ok().flatten()),
                // It has just been closed.
                Err(error) if error.raw_os_error() == Some(libc::EBADF) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(names)
    };
    if_alive(process, names())
}

fn abstract_name(socket: &impl AsFd, uid: u32) -> nix::Result<Option<String>> {
    let address: UnixAddr = getsockname(socket.as_fd().as_raw_fd())?;
    let Some(name) = address.as_abstract() else { return Ok(None) };
    let is_its = getsockopt(socket, AcceptConn)? && getsockopt(socket, PeerCredentials)?.uid() == uid;
    Ok(is_its.then(|| String::from_utf8_lossy(name).into_owned()))
}

/// The links in /proc to what a process has open.
pub(super) fn links_of(pid: i32) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().map(|entry| entry.path())
}

pub(super) fn is_link(path: &Path, link: &str) -> io::Result<bool> {
    std::fs::read_link(path).map(|found| found.as_os_str() == link)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};

    #[test]
    fn sockets_that_listen() {
        let sockets = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 17 /run/podman/podman.sock\n\
            0000000000000000: 00000002 00000000 00010000 0001 01    18 /run/a b.sock\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 99999 @a\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 19\n";
        assert_eq!(listening(sockets).collect::<Vec<_>>(), [(18, "/run/a b.sock"), (99_999, "@a")]);
    }

    #[test]
    fn a_process_is_asked_for_its_names() {
        // As somebody would have it who wants another's socket to have another name.
        let name = format!("nicon-{}\n0 0 0 00010000 1 1 7 @/x/y/command", std::process::id());
        let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let myself = Process::myself().unwrap();
        assert!(abstract_names(&myself).unwrap().contains(&name));
        let sockets = myself.read("net/unix").unwrap();
        assert!(listening(&sockets).any(|hint| hint == (7, "@/x/y/command")), "the kernel writes it as it is");
        assert!(!inodes_of(&myself).unwrap().contains(&7));
    }
}
