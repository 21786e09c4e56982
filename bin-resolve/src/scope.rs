//! Where engines are looked for: in a container, or on our own machine.

use nicon_core::{Namespace, Process, Result};
use tokio::sync::OnceCell;

use crate::disk::Disk;
use crate::hop::Settings;
use crate::kind::Kind;
use crate::reach::{Connection, Reach};
use crate::root::Root;
use crate::socket::Places;

/// Where engines are looked for: in a container, or on our own machine.
pub(crate) struct Ground<'a> {
    /// A process of the container.
    pub(crate) container: Option<&'a Process>,
    pub(crate) reaches: &'a Reaches,
    /// The PID namespace beyond which nothing is believed: the container's, or our own.
    pub(crate) pidns: Namespace,
    pub(crate) settings: &'a Settings,
}

/// The ways to the engines with a socket, in a container or on our own machine.
pub(crate) struct Reaches {
    docker: Reach,
    podman: Reach,
    /// The root directory that they lead into, once it was opened.
    pub(crate) root: OnceCell<Root>,
}

impl Reaches {
    pub(crate) fn new() -> Self {
        Self { docker: Reach::new(), podman: Reach::new(), root: OnceCell::new() }
    }

    /// The way to the engine of this kind; none where it is known by its files only.
    pub(crate) fn of(&self, kind: Kind) -> Option<&Reach> {
        match kind {
            Kind::Docker => Some(&self.docker),
            Kind::Podman => Some(&self.podman),
            Kind::Containerd | Kind::Runc => None,
        }
    }
}

impl Ground<'_> {
    /// Which kinds of engines are asked, where the path asks for `kind`, or for any.
    pub(crate) fn kinds(&self, kind: Option<Kind>) -> Vec<Kind> {
        match kind.or(self.settings.engine) {
            Some(kind) => vec![kind],
            None if self.places().chosen() => vec![Kind::Docker],
            None => Kind::ALL.to_vec(),
        }
    }

    pub(crate) fn places(&self) -> &Places {
        if self.container.is_some() { &self.settings.inside } else { &self.settings.own }
    }

    /// Asks the engine of this kind that listens somewhere; `None` where none does.
    ///
    /// # Errors
    /// That it cannot be reached, or the question's own.
    pub(crate) async fn at_socket<T>(
        &self,
        kind: Kind,
        root: &Root,
        question: impl AsyncFn(&Connection) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(reach) = self.reaches.of(kind) else { return Ok(None) };
        reach.ask(root, self.places().of(kind), question).await
    }

    /// The files of the engine of this kind; `None` where there are none. Where the user named one socket, another engine's
    /// files are not meant.
    ///
    /// # Errors
    /// Where they cannot be looked at.
    pub(crate) async fn on_disk<'r>(
        &self,
        kind: Kind,
        root: &'r Root,
        asked: Option<Kind>,
    ) -> Result<Option<Disk<'r>>> {
        if self.places().chosen() && matches!(kind, Kind::Docker | Kind::Podman) {
            return Ok(None);
        }
        let asked_for = asked.or(self.settings.engine).is_some();
        Disk::of(kind, root, self.pidns.try_clone()?, asked_for).await
    }
}
