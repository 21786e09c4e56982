//! The processes that stay beside containers while these run: the shims of containerd, conmon, which Podman and CRI-O start, the
//! monitors of LXC, and systemd-nspawn. They lead to engines' files wherever these are, or to containers that no file tells of.
//!
//! They are known by their programs. Any program that uses LXC's library may become a monitor of LXC's, so what listens as these do is
//! looked for as well.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use nicon_core::{Error, NsType, Process, Result, walk};
use nix::unistd::geteuid;
use tokio::sync::OnceCell;

use crate::engine::state::{incus, lxc, lxc_sockets, machine};
use crate::engine::unix_sockets::sockets_of;
use crate::query::Kind;
use crate::rootfs::blocking;

/// What the name of a shim's program begins with.
const SHIM: &str = "containerd-shim";

/// The name of Podman's.
const CONMON: &str = "conmon";

/// The kinds of engines that have monitors.
pub(crate) const WATCHED: [Kind; 5] = [Kind::Podman, Kind::Containerd, Kind::Lxc, Kind::Incus, Kind::Machine];

/// The monitors of all sites. They are looked for once, since that takes a look at every process.
#[derive(Clone, Default)]
pub(crate) struct Monitors(Arc<OnceCell<Found>>);

/// What was found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) monitors: Vec<Monitor>,
    /// What listens as a monitor on our own machine, and was not found.
    pub(crate) unread: Option<Error>,
    /// The inode numbers of the sockets that monitors of LXC's have, and of those on our own machine that seem to be such.
    sockets: BTreeSet<u64>,
}

/// A process that seems to be a monitor, by its program's name or its sockets: anybody can have such ones.
pub(crate) struct Monitor {
    pub(crate) pid: i32,
    /// The inode number of its PID namespace.
    pub(crate) pidns: u64,
    /// The kind of engine that starts such monitors.
    pub(crate) kind: Kind,
}

impl Monitors {
    /// All of them.
    ///
    /// # Errors
    /// If /proc cannot be read.
    pub(crate) async fn all(&self) -> Result<&Found> {
        // The walk has threads of its own, after which this process could not be left to a child.
        self.0.get_or_try_init(|| blocking::ask(scan)).await
    }
}

impl Found {
    /// What listens as a monitor in the network namespace of a container's process, and was not found; `None` if there is nothing, or
    /// that is our machine's. Only there are such processes looked for: a container could have us look through its own again and again.
    ///
    /// # Errors
    /// If that is unknown.
    pub(crate) fn unread_in(&self, container: &Process) -> Result<Option<Error>> {
        // Whoever may not look at PID 1 still knows what listens beside it.
        let of_machine = Process::pin(1).and_then(|first| first.namespace_id(NsType::Net)).ok().flatten();
        if of_machine.is_some() && container.namespace_id(NsType::Net)? == of_machine {
            return Ok(None);
        }
        let sockets = container.read("net/unix")?;
        Ok(lxc_sockets::of_nobody(&lxc_sockets::unknown(&sockets, |inode| self.sockets.contains(&inode))))
    }

    /// Adds those that listen as monitors of LXC's on our own machine.
    fn listen(&mut self) -> Result<()> {
        let first = Process::pin(1)?;
        let unknown = |known: &BTreeSet<u64>| {
            Ok::<_, Error>(lxc_sockets::unknown(&first.read("net/unix")?, |inode| known.contains(&inode)))
        };
        let wanted = unknown(&self.sockets)?;
        if wanted.is_empty() {
            return Ok(());
        }
        let holder = |entry: walk::Unpinned<'_>| {
            let inodes = sockets_of(entry.pid()).ok()?.map(|(_, inode)| inode);
            let inodes: Vec<_> = inodes.filter(|inode| wanted.contains_key(inode)).collect();
            let pidns = entry.namespace(NsType::Pid).ok().filter(|_| !inodes.is_empty())?;
            Some((Monitor { pid: entry.pid(), pidns, kind: Kind::Lxc }, inodes))
        };
        for (monitor, inodes) in
            walk::share(|entries| Ok(entries.filter_map(holder).collect::<Vec<_>>()))?.into_iter().flatten()
        {
            self.monitors.push(monitor);
            self.sockets.extend(inodes);
        }
        // To whoever is not root, most processes do not tell.
        if geteuid().is_root() {
            let mut left = unknown(&self.sockets)?;
            left.retain(|inode, _| wanted.contains_key(inode));
            self.unread = lxc_sockets::of_nobody(&left);
        }
        self.sockets.extend(wanted.keys());
        Ok(())
    }
}

fn scan() -> Result<Found> {
    let monitor = |entry: walk::Unpinned<'_>| {
        let program = std::fs::read_link(format!("/proc/{}/exe", entry.pid())).ok()?;
        let kind = kind_of(&program)?;
        Some(Monitor { pid: entry.pid(), pidns: entry.namespace(NsType::Pid).ok()?, kind })
    };
    let monitors = walk::share(|entries| Ok(entries.filter_map(monitor).collect::<Vec<_>>()))?;
    let monitors: Vec<_> = monitors.into_iter().flatten().collect();
    let of_lxc = monitors.iter().filter(|monitor| matches!(monitor.kind, Kind::Lxc | Kind::Incus));
    let sockets = of_lxc.filter_map(|monitor| sockets_of(monitor.pid).ok()).flatten().map(|(_, inode)| inode).collect();
    let mut found = Found { monitors, unread: None, sockets };
    if let Err(error) = found.listen() {
        found.unread = Some(error.prefix("look for monitors of LXC's"));
    }
    Ok(found)
}

fn kind_of(program: &Path) -> Option<Kind> {
    let name = program.file_name()?.to_str()?;
    // As the kernel shows a program that was replaced since, by an update.
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    match name {
        CONMON => Some(Kind::Podman),
        incus::PROGRAM => Some(Kind::Incus),
        machine::NSPAWN => Some(Kind::Machine),
        _ if lxc::PROGRAMS.contains(&name) => Some(Kind::Lxc),
        _ => name.starts_with(SHIM).then_some(Kind::Containerd),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_name() {
        let kind = |path: &str| kind_of(Path::new(path)).map(Kind::name);
        for (path, expected) in [
            ("/usr/bin/conmon", Some("podman")),
            ("/usr/libexec/crio/conmon (deleted)", Some("podman")),
            ("/usr/bin/containerd-shim-runc-v2", Some("containerd")),
            ("/usr/bin/containerd", None),
            ("/usr/bin/conmonrs", None),
            ("/usr/bin/lxc-start", Some("lxc")),
            ("/usr/bin/lxc-ls", None),
            ("/usr/libexec/incus/incusd", Some("incus")),
            ("/usr/bin/systemd-nspawn (deleted)", Some("machine")),
        ] {
            assert_eq!(kind(path), expected, "{path}");
        }
    }
}
