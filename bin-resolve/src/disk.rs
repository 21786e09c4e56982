//! Engines that are read from their files: Podman, containerd, crun, runc, and a Docker daemon that does not answer.

mod containerd;
mod crun;
mod docker;
mod dockerd;
mod fuzz;
mod index;
mod podman;
mod runc;
mod runtime;
mod storage;
mod store;

pub(crate) use dockerd::places_of as docker_places;
pub(crate) use fuzz::parse as parse_any;
pub(crate) use index::Entry;
pub(crate) use store::{Extent, Storage, Store, User};

use std::path::PathBuf;

use nicon_core::container::is_short_id;
use nicon_core::{Error, Namespace, Result, Status};

use crate::address::Address;
use crate::container::Container;
use crate::files::Files;
use crate::kind::Kind;
use crate::listing::Listed;
use crate::root::{FileId, Root};
use crate::trust::Bounds;
use index::Index;

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
    /// # Errors
    /// If they cannot be accessed.
    pub(crate) async fn of(
        engine: &Address,
        store: &Store,
        root: &'a Root,
        pidns: Namespace,
        bounds: Bounds,
    ) -> Result<Option<Self>> {
        let (mut there, mut file, mut barred) = (Vec::new(), None, Vec::new());
        let store = store.as_set(root).await?;
        for place in store.places() {
            match root.file_at(&place).await {
                Ok(found) => {
                    file = file.or(Some(found));
                    there.push(place);
                }
                Err(error) => match error.errno() {
                    Some(nix::libc::ENOENT | nix::libc::ENOTDIR | nix::libc::ELOOP) => {}
                    Some(nix::libc::EACCES | nix::libc::EPERM) => {
                        barred.push(error.suffix(" (needs root, or CAP_DAC_OVERRIDE)"));
                    }
                    _ => barred.push(error),
                },
            }
        }
        let store = store.only(there);
        match (file, barred.first()) {
            (Some(file), _) => Ok(Some(Self { engine: engine.clone(), pidns, bounds, file, root, store, barred })),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        }
    }

    /// Whether these are the files of `store`, which are in the directory `file`.
    pub(crate) fn is_that_of(&self, store: &Store, file: FileId) -> bool {
        self.file == file && (self.store.runroot(), self.store.states()) == (store.runroot(), store.states())
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
                Kind::Runc if !is_short_id(&asked) => {
                    runtime::named(files, &mut index, &asked, runc::STATE);
                    index.entries = runc::own(index.entries);
                }
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
            let listed = index.entries.into_iter().map(|entry| Listed {
                id: entry.id,
                name: entry.name,
                namespace: entry.namespace,
            });
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
        Kind::Podman => podman::load(files, entry, store),
        Kind::Docker => docker::load(files, entry),
    }
}

/// The error for a container without a process in its files.
fn not_running(id: &str) -> Error {
    Error::no(format!("container \"{id}\" is not running"))
}
