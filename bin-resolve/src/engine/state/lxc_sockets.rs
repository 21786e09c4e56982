//! The sockets at which LXC's monitors listen: `@PATH/NAME/command`, or `@lxc/HASH/command` where that would be too long
//! (`lxc_make_abstract_socket_name` of `commands_utils.c`).
//!
//! What /proc/net/unix says is a hint only. Names of abstract sockets are anybody's, and a line break in one begins what looks like
//! another socket, so the sockets of a process are asked themselves.

use std::path::PathBuf;

use nicon_core::{Error, Process, Result};
use nix::libc;

use crate::engine::unix_sockets::{abstract_names, inodes_of, listening, visit_listening};

/// The end of the name of the socket.
const COMMAND: &str = "/command";

/// What it begins with where path and name are hashed.
const HASHED: &str = "lxc/";

/// What the name of such a socket tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Named {
    /// The directory of the containers, and the name of one.
    Plainly(PathBuf, String),
    Hashed,
}

impl Named {
    /// What is told by an abstract name, without the NUL or `@` before it; `None` if it is another socket's.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let container = name.strip_suffix(COMMAND)?;
        if container.starts_with(HASHED) {
            return Some(Self::Hashed);
        }
        let (dir, name) = container.rsplit_once('/').filter(|(dir, _)| dir.starts_with('/'))?;
        Some(Self::Plainly(dir.into(), name.to_owned()))
    }

    /// The directory, if it is told.
    pub(crate) fn directory(self) -> Option<PathBuf> {
        if let Self::Plainly(dir, _) = self { Some(dir) } else { None }
    }
}

/// What the socket of a monitor tells; `None` if the process is none. Of one that we may not attach to (`ptrace(2)`), what /proc/net/unix
/// says counts if it `may_be_hinted`.
///
/// # Errors
/// If its sockets cannot be looked at, or it is the monitor of several containers.
pub(super) fn named(process: &Process, may_be_hinted: impl Fn() -> bool) -> Result<Option<Named>> {
    let names = match abstract_names(process) {
        Err(error) if matches!(error.errno(), Some(libc::EPERM | libc::ENOSYS)) => {
            if may_be_hinted() {
                by_hints(process)?
            } else {
                Vec::new()
            }
        }
        names => names?,
    };
    let mut all: Vec<Named> = names.iter().filter_map(|name| Named::parse(name)).collect();
    all.dedup();
    match all.len() {
        0 => Ok(None),
        1 => Ok(all.pop()),
        _ => Err(Error::failed(
            "it listens as the monitors of several containers, which cannot be told apart (begin the path with a process, as in pid:4242)",
        )),
    }
}

fn by_hints(process: &Process) -> Result<Vec<String>> {
    let known = inodes_of(process)?;
    let mut own = Vec::new();
    visit_hints(process, |inode, name| {
        if known.contains(&inode) {
            own.push(name.to_owned());
        }
    })?;
    Ok(own)
}

/// Visits the sockets in the network namespace of a process that seem to be monitors', by their inode numbers and names.
///
/// # Errors
/// If the process is gone, or its sockets cannot be read.
pub(super) fn visit_hints(process: &Process, mut visit: impl FnMut(u64, &str)) -> Result<()> {
    visit_listening(process, |line| hints(line).for_each(|(inode, name)| visit(inode, name)))
}

/// Those in such a list.
pub(crate) fn hints(sockets: &str) -> impl Iterator<Item = (u64, &str)> {
    let abstracts = listening(sockets).filter_map(|(inode, name)| Some((inode, name.strip_prefix('@')?)));
    abstracts.filter(|(_, name)| Named::parse(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::unix_sockets::ACCEPTS;

    #[test]
    fn what_a_monitor_listens_at() {
        let plainly = |dir: &str, name: &str| Named::Plainly(dir.into(), name.to_owned());
        let line = |flags, name| format!("000000002331d515: 00000002 00000000 {flags} 0001 01 148298 {name}\n");
        for (flags, name, expected) in [
            (ACCEPTS, "@/var/lib/lxc/my.box/command", Some(plainly("/var/lib/lxc", "my.box"))),
            (ACCEPTS, "@/home/a b/lxc/box/command", Some(plainly("/home/a b/lxc", "box"))),
            (ACCEPTS, "@lxc/ad055575fe28ddd5/command", Some(Named::Hashed)),
            (ACCEPTS, "@lxc/ad055575fe28ddd5/var/lib/lxc", None),
            (ACCEPTS, "/var/lib/lxc/box/command", None),
            (ACCEPTS, "@box/command", None),
            ("00000000", "@/var/lib/lxc/box/command", None),
        ] {
            let sockets = line(flags, name);
            let found = hints(&sockets).next().map(|(inode, name)| (inode, Named::parse(name)));
            assert_eq!(found, expected.map(|expected| (148_298, Some(expected))), "{name}");
        }
    }

    #[test]
    fn a_name_may_look_like_another_socket() {
        let forged = "0: 2 0 00010000 1 1 7 @x\n0 0 0 00010000 1 1 148298 @/var/lib/lxc/victim/command\n";
        assert_eq!(hints(forged).collect::<Vec<_>>(), [(148_298, "/var/lib/lxc/victim/command")], "it is a hint");
    }
}
