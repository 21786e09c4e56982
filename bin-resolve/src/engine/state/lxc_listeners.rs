//! Who listens as monitors of LXC's do: any program may that uses LXC's library, and anybody can have a socket of such a name.
//!
//! A monitor has its socket open as long as its container runs, so the kernel tells whose it is, and nothing needs to be connected to:
//! that could start a service, or have to wait. A network namespace may be that of many PID namespaces, and what listens in another one
//! of these is none of this one's.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

use nicon_core::{NsType, Process, Result, walk};

use crate::brief::brief_list;
use crate::engine::state::lxc_sockets::visit_hints;
use crate::engine::unix_sockets::sockets_of;

/// How many sockets are named in one message.
const MAX_SHOWN: usize = 3;

/// The most descriptors of a process that are looked at, unless it is root's. A monitor has some ten.
const MOST: usize = 1024;

/// What was found in one PID namespace.
#[derive(Default)]
pub(crate) struct Listeners {
    /// The processes, by our PIDs.
    pub(crate) pids: Vec<i32>,
    /// The inode numbers of their sockets.
    pub(super) sockets: BTreeSet<u64>,
    /// The sockets that no process was seen to have, as they are called, for a message: those of other PID namespaces or users, those
    /// that are on their way from one process to another, and those that just begin or end. `None` if there are none.
    pub(crate) unheld: Option<String>,
    /// Processes of root's that may have them and that we may not look at.
    pub(crate) denied: Vec<i32>,
}

/// The inode numbers of the sockets in the network namespace of `around` that are called as monitors' are, without those that are `known`.
///
/// # Errors
/// If it is gone, or its list of sockets cannot be read.
pub(super) fn candidates(around: &Process, known: impl Fn(u64) -> bool) -> Result<BTreeSet<u64>> {
    let mut candidates = BTreeSet::new();
    visit_hints(around, |inode, _| {
        if !known(inode) {
            candidates.insert(inode);
        }
    })?;
    Ok(candidates)
}

impl Listeners {
    /// Those of the PID namespace with this inode number that have one of the sockets, which are in the network namespace of `around`.
    ///
    /// # Errors
    /// If it is gone, or /proc cannot be read.
    pub(super) fn find(around: &Process, pidns: u64, mut wanted: BTreeSet<u64>) -> Result<Self> {
        let mut found = Self::default();
        if wanted.is_empty() {
            return Ok(found);
        }
        let seen =
            walk::share(|entries| Ok(entries.filter_map(|entry| look(&entry, pidns, &wanted)).collect::<Vec<_>>()));
        for seen in seen?.into_iter().flatten() {
            match seen {
                Seen::Held(pid, sockets) => {
                    found.pids.push(pid);
                    found.sockets.extend(sockets);
                }
                Seen::Denied(pid) => found.denied.push(pid),
            }
        }
        wanted.retain(|inode| !found.sockets.contains(inode));
        if !wanted.is_empty() {
            found.unheld = names_of(around, &wanted)?;
        }
        Ok(found)
    }
}

enum Seen {
    Held(i32, Vec<u64>),
    Denied(i32),
}

/// Which of these sockets a process has, if it is in the PID namespace.
fn look(entry: &walk::Unpinned<'_>, pidns: u64, wanted: &BTreeSet<u64>) -> Option<Seen> {
    let pid = entry.pid();
    let look = || {
        let is_there = entry.namespace(NsType::Pid)? == pidns;
        if is_there { held(pid, |inode| wanted.contains(&inode)) } else { Ok(Vec::new()) }
    };
    match look() {
        Ok(sockets) => (!sockets.is_empty()).then_some(Seen::Held(pid, sockets)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied && is_roots(pid) => Some(Seen::Denied(pid)),
        // It has ended, or is another user's.
        Err(_) => None,
    }
}

/// Those of the sockets of a process that are meant.
///
/// # Errors
/// If it is gone, or may not be looked at.
pub(super) fn held(pid: i32, is_meant: impl Fn(u64) -> bool) -> io::Result<Vec<u64>> {
    let mut sockets = sockets_of(pid)?.map(|(_, inode)| inode);
    let mut held: Vec<_> = sockets.by_ref().take(MOST).filter(|inode| is_meant(*inode)).collect();
    if let Some(next) = sockets.next()
        && is_roots(pid)
    {
        held.extend([next].into_iter().chain(sockets).filter(|inode| is_meant(*inode)));
    }
    Ok(held)
}

/// Whether a process is run by root: a user can start what becomes root, but not have it be root's.
fn is_roots(pid: i32) -> bool {
    Process::pin(pid).and_then(|process| process.uids()).is_ok_and(|[real, ..]| real == 0)
}

/// The names of these sockets, as far as they are still there.
fn names_of(around: &Process, sockets: &BTreeSet<u64>) -> Result<Option<String>> {
    let mut names = Vec::new();
    visit_hints(around, |inode, name| {
        // One more than is shown tells that there are more.
        if names.len() <= MAX_SHOWN && sockets.contains(&inode) {
            names.push(format!("@{name}"));
        }
    })?;
    Ok((!names.is_empty()).then(|| brief_list(names.into_iter(), ", ", MAX_SHOWN)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};

    #[test]
    fn who_listens_is_found_in_its_own_pid_namespace_only() {
        let name = format!("/nicon-{}/box/command", std::process::id());
        let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let myself = Process::myself().unwrap();
        let pidns = myself.namespace_id(NsType::Pid).unwrap().unwrap().ino;
        let all = candidates(&myself, |_| false).unwrap();
        let here = Listeners::find(&myself, pidns, all.clone()).unwrap();
        assert!(here.pids.contains(&myself.pid()));
        let elsewhere = Listeners::find(&myself, 1, here.sockets.clone()).unwrap();
        assert!(elsewhere.pids.is_empty() && elsewhere.unheld.is_some_and(|names| names.contains(&name)));
        assert!(candidates(&myself, |inode| all.contains(&inode)).unwrap().is_empty());
    }
}
