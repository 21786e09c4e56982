//! Where engines listen: a line for each kind that can be asked.

use std::path::{Path, PathBuf};

use nicon_core::Result;

use crate::engine::api::chosen::{self, Chosen};
use crate::engine::api::context::Variables;
use crate::query::Kind;

/// A kind of engine that listens.
struct Row {
    kind: Kind,
    /// Where root's usually does. `/run` comes first, since `/var/run` is usually a link to it.
    usual: &'static [&'static str],
    /// Which unit of systemd's usually listens there for it.
    unit: &'static str,
    /// Where a user's does, below the runtime directory.
    of_user: &'static str,
    /// The one that the user's settings choose.
    chosen: fn(Variables<'_>) -> Result<Option<Chosen>>,
}

const TABLE: [Row; 2] = [
    Row {
        kind: Kind::Docker,
        usual: &["/run/docker.sock", "/var/run/docker.sock"],
        unit: "docker.socket",
        of_user: "docker.sock",
        chosen: chosen::docker,
    },
    Row {
        kind: Kind::Podman,
        usual: &["/run/podman/podman.sock"],
        unit: "podman.socket",
        of_user: "podman/podman.sock",
        chosen: chosen::podman,
    },
];

/// Where the sockets of a hop may be.
#[derive(Clone, Debug)]
pub(crate) struct Sockets(Vec<OfKind>);

#[derive(Clone, Debug)]
struct OfKind {
    kind: Kind,
    paths: Vec<PathBuf>,
    /// The setting by which the user chose this one.
    by: Option<String>,
}

impl Sockets {
    /// Those inside a container: `more`, then the usual ones.
    pub(crate) fn inside(more: &[PathBuf]) -> Self {
        let paths = |row: &Row| more.iter().cloned().chain(row.usual.iter().map(PathBuf::from)).collect();
        Self(TABLE.iter().map(|row| OfKind { kind: row.kind, paths: paths(row), by: None }).collect())
    }

    /// Those on our own machine: those that the user's settings choose, or else the usual ones. Settings of engines that are not
    /// asked do not count.
    ///
    /// # Errors
    /// If a chosen engine may be on another machine, or the choice is not understood.
    pub(crate) fn own(only: Option<Kind>) -> Result<Self> {
        let variables = |name: &str| std::env::var_os(name);
        let Self(mut sockets) = Self::inside(&[]);
        for (of_kind, row) in sockets.iter_mut().zip(&TABLE).filter(|(_, row)| only.is_none_or(|only| only == row.kind))
        {
            if let Some(Chosen { socket, by }) = (row.chosen)(&variables)? {
                (of_kind.paths, of_kind.by) = (vec![socket], Some(by));
            }
        }
        Ok(Self(sockets))
    }

    /// The setting by which the user chose the engine of this kind, if any.
    pub(crate) fn chosen(&self, kind: Kind) -> Option<&str> {
        self.0.iter().find(|of_kind| of_kind.kind == kind)?.by.as_deref()
    }

    /// Whether the user chose an engine of this kind that does not listen where it usually does: its files may be anywhere.
    pub(crate) fn is_elsewhere(&self, kind: Kind) -> bool {
        self.chosen(kind).is_some() && !self.of(kind).iter().all(|path| is_usual(kind, path))
    }

    /// Where an engine of this kind may listen; empty if it has no socket.
    pub(crate) fn of(&self, kind: Kind) -> &[PathBuf] {
        self.0.iter().find(|of_kind| of_kind.kind == kind).map_or(&[], |of_kind| &of_kind.paths)
    }
}

fn row_of(kind: Kind) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.kind == kind)
}

/// Whether root's engine of this kind usually listens there.
pub(crate) fn is_usual(kind: Kind, path: &Path) -> bool {
    row_of(kind).is_some_and(|row| row.usual.iter().any(|usual| path == Path::new(usual)))
}

/// The unit of systemd's that usually listens for root's engine of this kind.
pub(crate) fn unit(kind: Kind) -> Option<&'static str> {
    row_of(kind).map(|row| row.unit)
}

/// Where an engine of a user may listen, who has this runtime directory.
pub(crate) fn of_user(kind: Kind, runtime: &Path) -> Vec<PathBuf> {
    TABLE.iter().filter(|row| row.kind == kind).map(|row| runtime.join(row.of_user)).collect()
}
