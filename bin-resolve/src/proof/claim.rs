//! An engine's claim about a container, and its proof.

use std::path::{Path, PathBuf};

use nicon_core::container::is_id;
use nicon_core::pidns::{self, Method};
use nicon_core::{Error, Namespace, NsId, NsType, Process, Result, Status};

use crate::engine::address::Address;
use crate::engine::bounds::Bounds;
use crate::engine::container::Container;
use crate::engine::pod::Pod;
use crate::engine::settings::Settings;
use crate::engine::state::disk::{Disk, FileAnswer};
use crate::proof::verify::{Proof, locate};

/// A container that was found, and proved to be this process's.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) container: Container,
    pub(crate) process: Process,
    pub(crate) proof: Proof,
    pub(crate) engine: Address,
    pub(crate) via: Via,
    /// Those of whoever claimed it, and of the engines further out.
    pub(crate) bounds: Bounds,
}

/// What an engine says about a container, not yet proved.
pub(crate) struct Claim {
    pub(crate) container: Container,
    engine: Address,
    via: Via,
    /// The PID namespaces to which the PID may belong, the likeliest first.
    namespaces: Vec<Namespace>,
    /// What whoever says so may name.
    bounds: Bounds,
}

impl Claim {
    pub(crate) fn new(
        container: Container,
        engine: Address,
        via: Via,
        namespaces: Vec<Namespace>,
        bounds: Bounds,
    ) -> Self {
        Self { container, engine, via, namespaces, bounds }
    }

    /// A claim that was read from files.
    pub(crate) fn of_files(disk: &Disk<'_>, container: Container, file: PathBuf) -> Self {
        let (engine, pidns) = (disk.engine.clone(), disk.pidns.clone());
        Self::new(container, engine, Via::Disk { file }, vec![pidns], disk.bounds.clone())
    }

    /// Whether files say so, rather than an engine.
    pub(crate) fn is_of_files(&self) -> bool {
        matches!(self.via, Via::Disk { .. })
    }

    /// The container, by the process that was proved to be its.
    pub(crate) fn by(self, process: Process, proof: Proof) -> Verified {
        let Self { container, engine, via, bounds, .. } = self;
        Verified { container, process, proof, engine, via, bounds }
    }

    /// What the files say about the container called `name`.
    ///
    /// # Errors
    /// Those of [`Disk::find`].
    pub(crate) async fn from_files(disk: &Disk<'_>, name: &str) -> Result<FileAnswer<Self>> {
        let FileAnswer { found, unread } = disk.find(name).await?;
        let claim = found.map(|(container, file)| Self::of_files(disk, container, file));
        Ok(FileAnswer { found: claim, unread })
    }

    /// Finds the claimed process, and what proves that it is the container's.
    ///
    /// # Errors
    /// Those of [`locate`].
    pub(crate) async fn prove(&self, name: &str, outermost: NsId, settings: &Settings) -> Result<(Process, Proof)> {
        let Self { container, engine, via, namespaces, bounds } = self;
        let (said, of) = (container.inner_pid, container.short_id());
        settings.log(name, || match via.file() {
            Some(file) => format!("{} says PID {said} for {of}", file.display()),
            None => format!("{engine} says PID {said} for {of}"),
        });
        let (process, proof) = locate(container, namespaces, outermost, bounds, settings.method).await?;
        settings.log(name, || format!("that is our PID {}, proved by its {}", process.pid(), proof.name()));
        Ok((process, proof))
    }

    /// Whether the claimed process has ended: its PID is nobody's, or somebody's who started at another time.
    pub(crate) fn has_ended(&self, method: Method) -> bool {
        self.namespaces.iter().all(|pidns| match pidns::pin(pidns, self.container.inner_pid, method) {
            Ok(process) => {
                let recorded = self.container.starttime;
                let is_another = |recorded| process.starttime().is_ok_and(|started| started != recorded);
                let is_gone = |error: Error| error.status() == Status::No;
                recorded.is_some_and(is_another) || process.namespace_id(NsType::Pid).is_err_and(is_gone)
            }
            Err(error) => error.status() == Status::No,
        })
    }
}

/// How a container was looked up.
#[derive(Clone, Debug)]
pub(crate) enum Via {
    /// Through the engine's socket, where `daemon` answered, whose PIDs belong to `pidns`. If the container's PID was
    /// read from a bundle, `file` is its path.
    Api { socket: PathBuf, daemon: i32, pidns: NsId, file: Option<PathBuf> },
    /// Through the engine's files.
    Disk { file: PathBuf },
}

impl Via {
    /// The same, with the PID read from `file`.
    pub(crate) fn by_file(self, file: PathBuf) -> Self {
        match self {
            Self::Api { socket, daemon, pidns, .. } => Self::Api { socket, daemon, pidns, file: Some(file) },
            Self::Disk { .. } => Self::Disk { file },
        }
    }

    /// The file from which the container's PID was read, if any.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Api { file, .. } => file.as_deref(),
            Self::Disk { file } => Some(file),
        }
    }
}

impl Verified {
    /// The pod whose sandbox it is.
    pub(crate) fn as_pod(&self) -> Option<&Pod> {
        self.container.pod.as_ref().filter(|pod| pod.is_sandbox)
    }

    /// Whether this is the same container, reported by another engine. Only IDs that engines generate are unique.
    pub(crate) fn is(&self, container: &Container) -> bool {
        is_id(&container.id) && self.container.id == container.id
    }
}
