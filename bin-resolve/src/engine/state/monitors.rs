//! The processes that stay beside containers while these run: the shims of containerd, conmon, which Podman and CRI-O start, the
//! monitors of LXC, and systemd-nspawn. They lead to engines' files wherever these are, or to containers that no file tells of.

use std::path::Path;
use std::sync::Arc;

use nicon_core::{NsType, Result, walk};
use tokio::sync::OnceCell;

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
pub(crate) struct Monitors(Arc<OnceCell<Vec<Monitor>>>);

/// A process by whose program's name it is a monitor: anybody can run such a program.
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
    pub(crate) async fn all(&self) -> Result<&Vec<Monitor>> {
        // The walk has threads of its own, after which this process could not be left to a child.
        self.0.get_or_try_init(|| blocking::ask(scan)).await
    }
}

fn scan() -> Result<Vec<Monitor>> {
    let monitor = |entry: walk::Unpinned<'_>| {
        let program = std::fs::read_link(format!("/proc/{}/exe", entry.pid())).ok()?;
        let kind = kind_of(&program)?;
        Some(Monitor { pid: entry.pid(), pidns: entry.namespace(NsType::Pid).ok()?, kind })
    };
    let monitors = walk::share(|entries| Ok(entries.filter_map(monitor).collect::<Vec<_>>()))?;
    Ok(monitors.into_iter().flatten().collect())
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
