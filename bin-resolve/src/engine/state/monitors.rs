//! The processes that stay beside containers while these run: the shims of containerd, conmon, which Podman and CRI-O start, the
//! monitors of LXC, and systemd-nspawn. They lead to engines' files wherever these are, or to containers that no file tells of.
//!
//! They are known by their programs. Any program that uses LXC's library may become a monitor of LXC's, so whoever listens as these do
//! is looked for as well.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use nicon_core::{Context, NsId, NsType, Process, Result, walk};
use tokio::sync::OnceCell;

use crate::engine::state::first_process::name_of_program;
use crate::engine::state::lxc_listeners::{Listeners, candidates, held};
use crate::engine::state::{incus, lxc, machine};
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
pub(crate) struct Monitors(Arc<Looks>);

#[derive(Default)]
struct Looks {
    known: OnceCell<Known>,
    machines_netns: OnceLock<Option<NsId>>,
    listeners: Mutex<BTreeMap<Place, Arc<OnceCell<Arc<Listeners>>>>>,
}

/// The inode numbers of a PID namespace, and of a container's network namespace; without one, our machine's is meant.
type Place = (u64, Option<u64>);

/// Those that are known by their programs.
#[derive(Default)]
struct Known {
    monitors: Vec<Monitor>,
    /// The inode numbers of the sockets that those of LXC's have.
    sockets: BTreeSet<u64>,
    /// One of those that may not be looked at, and the kind that it seems to be.
    hidden: Option<(i32, Kind)>,
}

/// A process that seems to be a monitor, by its program's name or its sockets: anybody can have such ones.
#[derive(Clone, Copy)]
pub(crate) struct Monitor {
    pub(crate) pid: i32,
    /// The inode number of its PID namespace.
    pub(crate) pidns: u64,
    /// The kind of engine that starts such monitors.
    pub(crate) kind: Kind,
}

impl Monitors {
    /// All that are known by their programs.
    ///
    /// # Errors
    /// If /proc cannot be read.
    pub(crate) async fn all(&self) -> Result<&[Monitor]> {
        Ok(&self.known().await?.monitors)
    }

    /// One that may not be looked at, if there are any, and the kind that it calls itself.
    ///
    /// # Errors
    /// If /proc cannot be read.
    pub(crate) async fn hidden(&self) -> Result<Option<(i32, Kind)>> {
        Ok(self.known().await?.hidden)
    }

    async fn known(&self) -> Result<&Known> {
        // The walk has threads of its own, after which this process could not be left to a child.
        self.0.known.get_or_try_init(|| blocking::ask(scan)).await
    }

    /// What else listens as monitors of LXC's do, in the PID namespace with this inode number, which is ours, and in the network
    /// namespace of the machine's first process.
    ///
    /// # Errors
    /// If /proc cannot be read.
    pub(crate) async fn listeners(&self, pidns: u64) -> Result<Arc<Listeners>> {
        let find = move |known: &BTreeSet<u64>| {
            let find = |around: Process| {
                let candidates = candidates(&around, |inode| known.contains(&inode))?;
                Listeners::find(&around, pidns, candidates)
            };
            // Who may not see that one knows of no machine but what is around us.
            Process::pin(1).and_then(find).or_else(|_| find(Process::myself()?))
        };
        self.look((pidns, None), find).await
    }

    /// The same in the PID namespace and the network namespace of a container, without what the machine's `listeners` have.
    ///
    /// # Errors
    /// If the container is gone, or /proc cannot be read.
    pub(crate) async fn listeners_in(
        &self,
        container: &Process,
        pidns: u64,
        machines: &Arc<Listeners>,
    ) -> Result<Arc<Listeners>> {
        let netns = container.namespace_id(NsType::Net)?.map(|netns| netns.ino);
        let pidfd = container.pidfd().try_clone_to_owned().context(|| "keep a process")?;
        let machines = Arc::clone(machines);
        // A container may have any number of sockets, so that this takes its time.
        let find = move |known: &BTreeSet<u64>| {
            let container = Process::from_pidfd(pidfd)?;
            let is_known = |inode| known.contains(&inode) || machines.sockets.contains(&inode);
            let candidates = candidates(&container, is_known)?;
            Listeners::find(&container, pidns, candidates)
        };
        self.look((pidns, netns), find).await
    }

    /// The network namespace of our machine's first process; `None` if we may not look at that.
    pub(crate) fn machines_netns(&self) -> Option<NsId> {
        let look = || Process::pin(1).and_then(|first| first.namespace_id(NsType::Net)).ok().flatten();
        *self.0.machines_netns.get_or_init(look)
    }

    async fn look(
        &self,
        place: Place,
        find: impl FnOnce(&BTreeSet<u64>) -> Result<Listeners> + Send + 'static,
    ) -> Result<Arc<Listeners>> {
        self.known().await?;
        let cell =
            Arc::clone(self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner).entry(place).or_default());
        let looks = Arc::clone(&self.0);
        let none = Known::default();
        let ask = || blocking::ask(move || find(&looks.known.get().unwrap_or(&none).sockets).map(Arc::new));
        cell.get_or_try_init(ask).await.map(Arc::clone)
    }
}

fn scan() -> Result<Known> {
    let monitor = |entry: walk::Unpinned<'_>| match std::fs::read_link(format!("/proc/{}/exe", entry.pid())) {
        Ok(program) => {
            let kind = kind_of(&program)?;
            Some(Ok(Monitor { pid: entry.pid(), pidns: entry.namespace(NsType::Pid).ok()?, kind }))
        }
        // Its name is told to everybody. Of containerd's shims it has as much as tells them.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let name = std::fs::read_to_string(format!("/proc/{}/comm", entry.pid())).ok()?;
            Some(Err((entry.pid(), kind_of(Path::new(name.trim_end()))?)))
        }
        Err(_) => None,
    };
    let found = walk::share(|entries| Ok(entries.filter_map(monitor).collect::<Vec<_>>()))?;
    let (mut monitors, mut hidden) = (Vec::new(), None);
    for found in found.into_iter().flatten() {
        match found {
            Ok(monitor) => monitors.push(monitor),
            Err(one) => hidden = hidden.or(Some(one)),
        }
    }
    let of_lxc = monitors.iter().filter(|monitor| matches!(monitor.kind, Kind::Lxc | Kind::Incus));
    let sockets = of_lxc.filter_map(|monitor| held(monitor.pid, |_| true).ok()).flatten().collect();
    Ok(Known { monitors, sockets, hidden })
}

fn kind_of(program: &Path) -> Option<Kind> {
    match name_of_program(program)? {
        CONMON => Some(Kind::Podman),
        incus::PROGRAM => Some(Kind::Incus),
        machine::NSPAWN => Some(Kind::Machine),
        name if lxc::PROGRAMS.contains(&name) => Some(Kind::Lxc),
        name => name.starts_with(SHIM).then_some(Kind::Containerd),
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
