//! Engines that are read from their files: Podman, containerd, crun, runc, and a Docker daemon that does not answer.

mod containerd;
mod crun;
mod docker;
mod dockerd;
mod index;
mod podman;
mod runc;
mod runtime;
mod storage;

pub(crate) use dockerd::places_of as docker_places;
pub(crate) use index::Entry;

use std::path::PathBuf;

use nicon_core::container::is_short_id;
use nicon_core::{Error, Namespace, Result, Status};
use nix::errno::Errno;

use crate::address::Address;
use crate::container::Container;
use crate::files::Files;
use crate::kind::Kind;
use crate::listing::Listed;
use crate::root::{FileId, Root, is_absent};
use crate::trust::Bounds;
use index::Index;

/// Where programs of root's keep what is of no use after a restart of the machine.
const RUN: &str = "/run";

/// Where an engine keeps its files.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) kind: Kind,
    places: Vec<PathBuf>,
    /// Places that are of interest only if the engine was asked for by name: they belong to an engine on top of it.
    others: Vec<PathBuf>,
    /// The directory for what is of no use after a restart: `/run`, or a user's runtime directory.
    run: PathBuf,
    /// The user whose settings count, if it is not root.
    user: Option<User>,
    /// Where Podman was told to keep what is of no use after a restart.
    runroot: Option<PathBuf>,
    /// Whether the engine was asked for by name.
    asked_for: bool,
}

/// Where the programs of a user keep what.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    /// `XDG_RUNTIME_DIR`.
    pub(crate) runtime: PathBuf,
    pub(crate) home: PathBuf,
    /// `XDG_DATA_HOME`.
    pub(crate) data: PathBuf,
    /// `XDG_CONFIG_HOME`.
    pub(crate) config: PathBuf,
}

impl Store {
    /// Where the files of an engine that root runs usually are.
    pub(crate) fn usual(kind: Kind) -> Self {
        let (places, others): (&[&str], &[&str]) = match kind {
            Kind::Docker => (dockerd::PLACES, &[]),
            Kind::Containerd => (containerd::PLACES, containerd::OTHERS),
            Kind::Crun => (crun::PLACES, &[]),
            Kind::Runc => (runc::PLACES, runc::OTHERS),
            Kind::Podman => (podman::PLACES, &[]),
        };
        let paths = |places: &[&str]| places.iter().map(PathBuf::from).collect();
        let (places, others) = (paths(places), paths(others));
        Self { kind, places, others, run: RUN.into(), user: None, runroot: None, asked_for: false }
    }

    /// Where those of a user's engine usually are. A user's containerd has them where root's has, in a mount namespace of its own.
    pub(crate) fn of_user(kind: Kind, user: &User) -> Self {
        let place = match kind {
            Kind::Docker => user.data.join("docker/containers"),
            Kind::Podman => user.data.join("containers/storage"),
            Kind::Containerd => return Self::usual(kind),
            Kind::Crun | Kind::Runc => user.runtime.join(kind.name()),
        };
        let (places, run) = (vec![place], user.runtime.clone());
        Self { places, others: Vec::new(), run, user: Some(user.clone()), ..Self::usual(kind) }
    }

    /// A Docker daemon that keeps its containers in these directories.
    pub(crate) fn of_docker(places: Vec<PathBuf>) -> Self {
        Self { places, ..Self::usual(Kind::Docker) }
    }

    /// Where the files may be, unless settings say otherwise.
    pub(crate) fn places(&self, asked_for: bool) -> Vec<PathBuf> {
        let others = self.others.iter().filter(|_| asked_for);
        self.places.iter().chain(others).cloned().collect()
    }

    /// The files with the settings.
    pub(crate) fn settings(&self) -> Vec<PathBuf> {
        match self.kind {
            Kind::Docker => vec![dockerd::settings(self.user.as_ref())],
            Kind::Podman => storage::files(self.user.as_ref()),
            Kind::Containerd | Kind::Crun | Kind::Runc => Vec::new(),
        }
    }

    /// Where the files are according to settings.
    ///
    /// # Errors
    /// If these cannot be read, or are not understood.
    async fn as_set(&self, root: &Root) -> Result<Self> {
        let is_absent = |path: &PathBuf| root.cached(path).is_some_and(|found| found.is_err_and(is_absent));
        if self.settings().iter().all(is_absent) {
            return Ok(self.clone());
        }
        let store = self.clone();
        root.ask(move |directory| {
            let files = Files::new(directory);
            if store.kind == Kind::Docker {
                let set = dockerd::read(&files, &dockerd::settings(store.user.as_ref()))?;
                return Ok(Self { places: set.map_or(store.places, |place| vec![place]), ..store });
            }
            let set = storage::read(&files, store.user.as_ref())?;
            Ok(Self { places: set.graphroot.map_or(store.places, |place| vec![place]), runroot: set.runroot, ..store })
        })
        .await
    }
}

/// An engine's files, and the PID namespace to which the PIDs in them belong.
pub(crate) struct Disk<'a> {
    pub(crate) engine: Address,
    pub(crate) pidns: Namespace,
    /// What whoever may write the files may name.
    pub(crate) bounds: Bounds,
    /// The directory that holds the files.
    pub(crate) file: FileId,
    root: &'a Root,
    /// The places that are there.
    store: Store,
    /// The other places, where they may not be looked for.
    barred: Vec<Error>,
}

/// What an engine's files tell of a name.
pub(crate) struct Told<T> {
    pub(crate) found: Option<T>,
    /// If it was not found: what could not be read, where it may be.
    pub(crate) unread: Option<Error>,
}

/// What an engine's files tell of all containers.
pub(crate) struct Contents<T> {
    pub(crate) containers: Vec<T>,
    /// What could not be read, where there may be others.
    pub(crate) unread: Vec<Error>,
}

/// A container whose files name a process, which may have ended.
pub(crate) struct Started {
    pub(crate) container: Container,
    pub(crate) entry: Entry,
}

impl<'a> Disk<'a> {
    /// Looks for the files of an engine below a root directory; `None` if there are none.
    ///
    /// Unless the engine was asked for by name, files that belong to an engine on top of it are left to that one.
    ///
    /// # Errors
    /// If they cannot be accessed.
    pub(crate) async fn of(
        engine: &Address,
        store: &Store,
        root: &'a Root,
        pidns: Namespace,
        bounds: Bounds,
        asked_for: bool,
    ) -> Result<Option<Self>> {
        let (mut there, mut file, mut barred) = (Vec::new(), None, Vec::new());
        let store = store.as_set(root).await?;
        for place in store.places(asked_for) {
            match root.file_at(&place).await {
                Ok(found) => {
                    file = file.or(Some(found));
                    there.push(place);
                }
                Err(error) => match error.errno() {
                    Some(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {}
                    Some(Errno::EACCES | Errno::EPERM) => {
                        barred.push(error.and_say(" (needs root, or CAP_DAC_OVERRIDE)"));
                    }
                    _ => barred.push(error),
                },
            }
        }
        let store = Store { places: there, others: Vec::new(), asked_for, ..store };
        match (file, barred.first()) {
            (Some(file), _) => Ok(Some(Self { engine: engine.clone(), pidns, bounds, file, root, store, barred })),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        }
    }

    /// Finds the container that `asked` means, by [`fit`](crate::container::fit), and its file. Those of others do not matter.
    ///
    /// # Errors
    /// [`Status::No`] if it is not running; otherwise if several match, or its own files cannot be read.
    pub(crate) async fn find(&self, asked: &str) -> Result<Told<(Container, PathBuf)>> {
        let asked = asked.to_owned();
        self.read(move |store, files, mut index| {
            match store.kind {
                // With these the name is the ID and the directory, so only what may be a shortened ID needs the index.
                Kind::Crun if !is_short_id(&asked) => runtime::named(files, &mut index, &asked, crun::STATE),
                Kind::Runc if !is_short_id(&asked) => runtime::named(files, &mut index, &asked, runc::STATE),
                _ => read_index(files, &mut index),
            }
            let (entry, unread) = index.choose(&asked)?;
            let found = entry.map(|mut entry| load(store, files, &mut entry).map(|found| (found, entry.place)));
            Ok(Told { found: found.transpose()?, unread })
        })
        .await
    }

    /// All containers in the files, running or not.
    ///
    /// # Errors
    /// If too many threads are blocked.
    pub(crate) async fn list(&self) -> Result<Contents<Listed>> {
        self.read(|_, files, mut index| {
            read_index(files, &mut index);
            let listed = index.entries.into_iter().map(|entry| Listed { id: entry.id, name: entry.name });
            Ok(Contents { containers: listed.collect(), unread: index.unread })
        })
        .await
    }

    /// All containers whose files name a process, which may have ended. An inner error is about one container only.
    ///
    /// # Errors
    /// If too many threads are blocked.
    pub(crate) async fn with_process(&self) -> Result<Contents<Result<Started>>> {
        self.read(|store, files, mut index| {
            read_index(files, &mut index);
            let mut containers = Vec::new();
            for mut entry in index.entries {
                match load(store, files, &mut entry) {
                    Ok(container) => containers.push(Ok(Started { container, entry })),
                    Err(error) if error.status() == Status::No => {}
                    Err(error) => containers.push(Err(error)),
                }
            }
            Ok(Contents { containers, unread: index.unread })
        })
        .await
    }

    /// What the files tell now of a container that they told of before.
    ///
    /// # Errors
    /// [`Status::No`] if it is gone, or not running.
    pub(crate) async fn again(&self, mut entry: Entry) -> Result<Started> {
        self.read(|store, files, _| load(store, files, &mut entry).map(|container| Started { container, entry })).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, &Files, Index) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (store, index) = (self.store.clone(), Index::of(self.store.clone(), self.barred.clone()));
        self.root.ask(move |directory| work(&store, &Files::new(directory), index)).await
    }
}

/// Reads which containers there are.
fn read_index(files: &Files, index: &mut Index) {
    match index.store.kind {
        Kind::Containerd => containerd::index(files, index),
        Kind::Crun => runtime::index(files, index, crun::STATE),
        Kind::Runc => runtime::index(files, index, runc::STATE),
        Kind::Podman => podman::index(files, index),
        Kind::Docker => docker::index(files, index),
    }
}

/// Reads what the files tell of one container.
fn load(store: &Store, files: &Files, entry: &mut Entry) -> Result<Container> {
    match store.kind {
        Kind::Containerd => containerd::load(files, entry),
        Kind::Crun => runtime::load::<crun::State>(files, entry),
        Kind::Runc => runtime::load::<runc::State>(files, entry),
        Kind::Podman => podman::load(files, entry, &store.run),
        Kind::Docker => docker::load(files, entry),
    }
}

/// The error for a container without a process in its files.
fn not_running(id: &str) -> Error {
    Error::no(format!("container \"{id}\" is not running"))
}
