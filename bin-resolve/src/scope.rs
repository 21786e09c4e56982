//! The scope of a search for engines: one container, or our own machine.

use std::path::PathBuf;
use std::sync::OnceLock;

use nicon_core::{Namespace, Process, Result};
use tokio::sync::OnceCell;

use crate::disk::Disk;
use crate::hop::Settings;
use crate::kind::{Kind, Qualifier};
use crate::pool::{Connection, Pool};
use crate::root::Root;
use crate::shims::{Shims, Store};
use crate::socket::Places;
use crate::trust::Bounds;

/// Where engines are searched: inside a container, or on our own machine.
pub(crate) struct Scope<'a> {
    /// A process of the container; `None` for our own machine.
    pub(crate) container: Option<&'a Process>,
    pub(crate) pools: &'a Pools,
    /// The outermost PID namespace of which processes are accepted: the container's, or our own.
    pub(crate) pidns: Namespace,
    /// The bounds of the engines by which the container was found: what is in it cannot be trusted with more.
    pub(crate) bounds: Bounds,
    pub(crate) settings: &'a Settings,
}

/// The connections to the engines in a container, or on our own machine.
pub(crate) struct Pools {
    docker: Pool,
    podman: Pool,
    /// The root directory below which the sockets are, once opened.
    pub(crate) root: OnceCell<Root>,
    /// Whether Podman does not run yet, once looked at.
    pub(crate) is_asleep: OnceLock<bool>,
    /// All shims of containerd, wherever they are.
    pub(crate) shims: Shims,
    /// Where containerd keeps its files here, besides the usual places, once looked for.
    pub(crate) stores: OnceCell<Vec<Store>>,
}

impl Pools {
    /// None yet, for a place of which the `shims` may be known.
    pub(crate) fn new(shims: Shims) -> Self {
        let (docker, podman) = (Pool::new(), Pool::new());
        Self { docker, podman, root: OnceCell::new(), is_asleep: OnceLock::new(), shims, stores: OnceCell::new() }
    }

    /// The connections to the engine of this kind; `None` if it has no socket.
    pub(crate) fn of(&self, kind: Kind) -> Option<&Pool> {
        match kind {
            Kind::Docker => Some(&self.docker),
            Kind::Podman => Some(&self.podman),
            Kind::Containerd | Kind::Crun | Kind::Runc => None,
        }
    }
}

impl Scope<'_> {
    /// The kinds of engines to ask, given the `kind` that the path names, if any.
    pub(crate) fn kinds(&self, kind: Option<Kind>) -> Vec<Kind> {
        match kind.or(self.settings.engine) {
            Some(kind) => vec![kind],
            None if self.places().chosen(Kind::Docker).is_some() => vec![Kind::Docker],
            None => Kind::ALL.to_vec(),
        }
    }

    pub(crate) fn places(&self) -> &Places {
        if self.container.is_some() { &self.settings.inside } else { &self.settings.own }
    }

    /// Asks the engine of this kind through its socket; `None` if it has none.
    ///
    /// # Errors
    /// If it cannot be reached, or those of the question.
    pub(crate) async fn at_socket<T>(
        &self,
        kind: Kind,
        root: &Root,
        question: impl AsyncFn(&Connection) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(pool) = self.pools.of(kind) else { return Ok(None) };
        pool.ask(root, self.places().of(kind), question).await
    }

    /// The files of the engine of this kind; `None` if there are none, or the user chose a socket instead.
    ///
    /// # Errors
    /// If they cannot be accessed.
    pub(crate) async fn on_disk<'r>(&self, kind: Kind, root: &'r Root, asked: &Qualifier) -> Result<Option<Disk<'r>>> {
        if self.places().chosen(kind).is_some() {
            return Ok(None);
        }
        let asked_for = asked.engine.or(self.settings.engine).is_some();
        self.disk_at(Disk::places(kind, asked_for), kind, root, asked).await
    }

    /// The files at `places`; `None` if there are none.
    ///
    /// # Errors
    /// If they cannot be accessed.
    pub(crate) async fn disk_at<'r>(
        &self,
        places: Vec<PathBuf>,
        kind: Kind,
        root: &'r Root,
        asked: &Qualifier,
    ) -> Result<Option<Disk<'r>>> {
        let asked_for = asked.engine.or(self.settings.engine).is_some();
        let bounds = match self.container {
            Some(container) => self.bounds.and(&Bounds::of_files(container)?),
            None => self.bounds.clone(),
        };
        let disk = Disk::at(kind, root, self.pidns.try_clone()?, bounds, places).await?;
        Ok(disk.map(|disk| disk.within(asked_for, asked.namespace.clone())))
    }
}
