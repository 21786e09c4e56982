//! What an engine says of a container, by what way, and what is left of that once it was proved.

use std::path::{Path, PathBuf};

use nicon_core::container::is_id;
use nicon_core::{Namespace, NsId, Process, Result};

use crate::container::Container;
use crate::disk::Disk;
use crate::ground::Ground;
use crate::kind::Kind;
use crate::locate::{Proof, locate};

/// A container that was found and proved.
pub(crate) struct Found {
    pub(crate) container: Container,
    pub(crate) process: Process,
    pub(crate) proof: Proof,
    pub(crate) kind: Kind,
    pub(crate) via: Via,
}

/// What an engine says, not proved yet.
pub(crate) struct Claim {
    pub(crate) container: Container,
    kind: Kind,
    via: Via,
    /// Where the PID may count, the likeliest first.
    namespaces: Vec<Namespace>,
}

impl Claim {
    pub(crate) fn new(container: Container, kind: Kind, via: Via, namespaces: Vec<Namespace>) -> Self {
        Self { container, kind, via, namespaces }
    }

    /// What files say.
    pub(crate) fn of_files(disk: &Disk<'_>, container: Container, file: PathBuf) -> Result<Self> {
        Ok(Self::new(container, disk.kind, Via::Disk { file }, vec![disk.pidns.try_clone()?]))
    }

    /// What the files say of the container called `name`; `None` where they know none.
    ///
    /// # Errors
    /// Those of [`Disk::find`].
    pub(crate) async fn from_files(disk: &Disk<'_>, name: &str) -> Result<Option<Self>> {
        let Some((container, file)) = disk.find(name).await? else { return Ok(None) };
        Self::of_files(disk, container, file).map(Some)
    }
}

/// How an engine was asked.
#[derive(Clone, Debug)]
pub(crate) enum Via {
    /// At its socket, where `daemon` answered, whose PIDs count in `pidns`; the container's PID was read from `file`, where
    /// there is one.
    Api { socket: PathBuf, daemon: i32, pidns: NsId, file: Option<PathBuf> },
    /// By the files that it keeps.
    Disk { file: PathBuf },
}

impl Via {
    /// The same way, but for the PID, which a file told.
    pub(crate) fn by_file(self, file: PathBuf) -> Self {
        match self {
            Self::Api { socket, daemon, pidns, .. } => Self::Api { socket, daemon, pidns, file: Some(file) },
            Self::Disk { .. } => Self::Disk { file },
        }
    }

    /// The file that told the container's PID, if one did.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Api { file, .. } => file.as_deref(),
            Self::Disk { file } => Some(file),
        }
    }
}

impl Found {
    /// Whether another engine tells of the same container: only IDs that engines make are never another's.
    pub(crate) fn is(&self, container: &Container) -> bool {
        is_id(&container.id) && self.container.id == container.id
    }
}

impl Ground<'_> {
    /// Finds the process that is claimed to be the container's, and proves it.
    ///
    /// # Errors
    /// Those of [`locate`].
    pub(crate) async fn proved(&self, name: &str, claim: Claim) -> Result<Found> {
        let (process, proof) = self.prove(name, &claim).await?;
        let Claim { container, kind, via, .. } = claim;
        Ok(Found { container, process, proof, kind, via })
    }

    /// Whether the process that is claimed to be the container's can be proved.
    pub(crate) async fn is_proved(&self, name: &str, claim: &Claim) -> bool {
        self.prove(name, claim).await.is_ok()
    }

    async fn prove(&self, name: &str, claim: &Claim) -> Result<(Process, Proof)> {
        let Claim { container, kind, via, namespaces } = claim;
        let (said, of) = (container.inner_pid, container.short_id());
        self.settings.tell(name, || match via.file() {
            Some(file) => format!("{} says PID {said} for {of}", file.display()),
            None => format!("{} says PID {said} for {of}", kind.name()),
        });
        let (process, proof) = locate(container, namespaces, self.pidns.id(), self.settings.method).await?;
        self.settings.tell(name, || format!("that is our PID {}, proved by its {}", process.pid(), proof.name()));
        Ok((process, proof))
    }
}
