//! One engine's files below one root directory.

use std::path::PathBuf;

use nicon_core::container::is_short_id;
use nicon_core::{Error, Namespace, Result, Status};
use nix::libc;

use crate::engine::address::Address;
use crate::engine::bounds::Bounds;
use crate::engine::container::{Container, Summary};
use crate::engine::state::index::{Index, IndexEntry};
use crate::engine::state::store::Store;
use crate::rootfs::directory::FileId;
use crate::rootfs::files::Files;
use crate::rootfs::root::Root;

/// An engine's files, and the PID namespace to which the PIDs in them belong.
pub(crate) struct Disk<'a> {
    pub(crate) engine: Address,
    pub(crate) pidns: Namespace,
    /// What whoever may write the files may name.
    pub(crate) bounds: Bounds,
    /// The directory that holds the files.
    pub(crate) file: FileId,
    root: &'a Root,
    /// The directories that are there.
    store: Store,
    /// The others, where nothing may be looked for.
    barred: Vec<Error>,
}

/// What an engine's files tell of a name.
pub(crate) struct FileAnswer<T> {
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
    pub(crate) entry: IndexEntry,
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
        for dir in store.dirs() {
            match root.file_at(&dir).await {
                Ok(found) => {
                    file = file.or(Some(found));
                    there.push(dir);
                }
                Err(error) => match error.errno() {
                    Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP) => {}
                    Some(libc::EACCES | libc::EPERM) => {
                        barred.push(error.suffix(" (needs root, or CAP_DAC_OVERRIDE)"));
                    }
                    _ => barred.push(error),
                },
            }
        }
        let store = store.at(there);
        match (file, barred.first()) {
            (Some(file), _) => Ok(Some(Self { engine: engine.clone(), pidns, bounds, file, root, store, barred })),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        }
    }

    /// Whether these are the files of `store`, which are in the directory `file`.
    pub(crate) fn is_that_of(&self, store: &Store, file: FileId) -> bool {
        self.file == file && self.store.more() == store.more()
    }

    /// Finds the container that `asked` means, by [`fit`](crate::engine::container::fit), and its file. Those of others do not matter.
    ///
    /// # Errors
    /// [`Status::No`] if it is not running; otherwise if several match, or its own files cannot be read.
    pub(crate) async fn find(&self, asked: &str) -> Result<FileAnswer<(Container, PathBuf)>> {
        let asked = asked.to_owned();
        self.read(move |store, files, mut index| {
            match store.layout.named {
                // With these the name is the ID and the directory, so only what may be a shortened ID needs the index.
                Some(named) if !is_short_id(&asked) => named(files, store, &mut index, &asked),
                _ => (store.layout.index)(files, store, &mut index),
            }
            let (entry, unread) = index.choose(&asked)?;
            let found =
                entry.map(|mut entry| (store.layout.load)(files, store, &mut entry).map(|found| (found, entry.path)));
            Ok(FileAnswer { found: found.transpose()?, unread })
        })
        .await
    }

    /// All containers in the files, running or not.
    ///
    /// # Errors
    /// If too many threads are blocked.
    pub(crate) async fn list(&self) -> Result<Contents<Summary>> {
        self.read(|store, files, mut index| {
            (store.layout.index)(files, store, &mut index);
            let listed = index.entries.into_iter().map(|entry| Summary {
                id: entry.id,
                name: entry.name,
                namespace: entry.namespace,
                pod: entry.pod,
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
            (store.layout.index)(files, store, &mut index);
            let mut containers = Vec::new();
            for mut entry in index.entries {
                match (store.layout.load)(files, store, &mut entry) {
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
    pub(crate) async fn again(&self, mut entry: IndexEntry) -> Result<Started> {
        self.read(|store, files, _| {
            (store.layout.load)(files, store, &mut entry).map(|container| Started { container, entry })
        })
        .await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, &Files, Index) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (store, index) = (self.store.clone(), Index::new(self.barred.clone()));
        self.root.ask(move |directory| work(&store, &Files::new(directory), index)).await
    }
}
