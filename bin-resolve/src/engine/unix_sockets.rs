//! Unix sockets, as /proc tells of them: which of them listen, and who has them open.

use std::io;
use std::path::{Path, PathBuf};

use nicon_core::{Context, Process, Result};

/// `__SO_ACCEPTCON` of linux/net.h: the socket listens.
pub(crate) const ACCEPTS: &str = "00010000";

/// The inode number of the socket that listens at `path`, by /proc/PID/net/unix.
pub(crate) fn listening<'a>(sockets: &'a str, path: &str) -> Option<&'a str> {
    sockets.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let accepts = fields.nth(3)? == ACCEPTS;
        let inode = fields.nth(2)?;
        (accepts && fields.next() == Some(path)).then_some(inode)
    })
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
pub(super) fn links_of(pid: i32) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().map(|entry| entry.path())
}

pub(super) fn is_link(path: &Path, link: &str) -> io::Result<bool> {
    std::fs::read_link(path).map(|found| found.as_os_str() == link)
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
