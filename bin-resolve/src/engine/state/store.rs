//! Where an engine keeps its files: usually, as a user's, or as its settings say; and how they are read.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use nicon_core::Result;

use crate::engine::container::Container;
use crate::engine::pod::PodExtent;
use crate::engine::state::first_process::Monitored;
use crate::engine::state::index::{Index, IndexEntry};
use crate::query::Kind;
use crate::rootfs::files::Files;
use crate::rootfs::root::Root;

/// Where programs of root's keep what is of no use after a restart of the machine.
const RUN: &str = "/run";

/// What one kind of engine keeps where, and how that is read.
pub(crate) struct Layout {
    pub(super) kind: Kind,
    /// The directories of root's, usually, and those of containers that belong to an engine on top of it.
    pub(super) dirs: &'static [&'static str],
    pub(super) others: &'static [&'static str],
    /// Where a user's has them; `None` if they are where root's are, in a mount namespace of its own.
    pub(super) of_user: Option<fn(&UserDirs) -> PathBuf>,
    /// The files with the settings of root's, or of a user's, and what they say of where the others are.
    pub(super) settings: fn(Option<&UserDirs>) -> Vec<PathBuf>,
    pub(super) set: fn(&Files, Store) -> Result<Store>,
    /// Where there is anything to read besides these directories, if it was told where these are.
    pub(super) parts: fn(&Store) -> Vec<PathBuf>,
    /// The directories in which something happens when containers come and go, and how many levels below them do, too.
    pub(super) changing: fn(&Store) -> Vec<(PathBuf, usize)>,
    /// Reads which containers there are.
    pub(super) index: fn(&Files, &Store, &mut Index),
    /// Reads those of one name, if that leads to them.
    pub(super) named: Option<fn(&Files, &Store, &mut Index, &str)>,
    /// Reads what the files tell of one container.
    pub(super) load: fn(&Files, &Store, &mut IndexEntry) -> Result<Container>,
    /// Of containers that are known by their monitors, those that are told elsewhere.
    pub(super) told_elsewhere: fn(&Files, &Monitored) -> Result<bool>,
}

impl Layout {
    /// That of an engine without settings, whose containers are all in these directories.
    pub(super) const fn plain(
        kind: Kind,
        dirs: &'static [&'static str],
        index: fn(&Files, &Store, &mut Index),
        load: fn(&Files, &Store, &mut IndexEntry) -> Result<Container>,
    ) -> Self {
        let (settings, parts) = (|_: Option<&UserDirs>| Vec::new(), |_: &Store| Vec::new());
        let set = |_: &Files, store| Ok(store);
        let changing = |store: &Store| store.dirs().into_iter().map(|dir| (dir, 1)).collect();
        let (of_user, named, told_elsewhere) = (None, None, |_: &Files, _: &Monitored| Ok(false));
        Self { kind, dirs, others: &[], of_user, settings, set, parts, changing, index, named, load, told_elsewhere }
    }
}

/// Where an engine keeps its files.
#[derive(Clone)]
pub(crate) struct Store {
    pub(super) layout: &'static Layout,
    pub(super) dirs: Vec<PathBuf>,
    /// Those of containers that belong to an engine on top of it.
    pub(super) others: Vec<PathBuf>,
    /// The directory for what is of no use after a restart: `/run`, or a user's runtime directory.
    pub(super) run: PathBuf,
    /// The user whose settings count, if it is not root.
    pub(super) user: Option<UserDirs>,
    /// Where Podman was told to keep what is of no use after a restart.
    pub(super) runroot: Option<PathBuf>,
    /// Where a runtime was told to keep its state.
    pub(super) state: Option<PathBuf>,
    /// The IDs of containers that conmon watches, so that they run whatever else is known.
    pub(super) watched: Arc<HashSet<String>>,
    /// The containers that are known by their monitors.
    pub(super) monitored: Arc<Vec<Monitored>>,
    pub(super) extent: Extent,
}

/// Which of the containers in an engine's files are wanted.
#[derive(Clone, Default)]
pub(crate) struct Extent {
    /// Also those that belong to an engine on top of it.
    pub(crate) all: bool,
    /// Only those in this one of the engine's namespaces.
    pub(crate) namespace: Option<String>,
    /// Only these, with regard to pods.
    pub(crate) pods: PodExtent,
    /// None of those with these IDs, which other engines have told already.
    pub(crate) known: Arc<HashSet<String>>,
}

/// Where the programs of a user keep what.
#[derive(Clone, Debug)]
pub(crate) struct UserDirs {
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
    pub(super) fn usual(layout: &'static Layout) -> Self {
        let paths = |dirs: &[&str]| dirs.iter().map(PathBuf::from).collect();
        Self {
            layout,
            dirs: paths(layout.dirs),
            others: paths(layout.others),
            run: RUN.into(),
            user: None,
            runroot: None,
            state: None,
            watched: Arc::default(),
            monitored: Arc::default(),
            extent: Extent::default(),
        }
    }

    /// Where those of a user's engine usually are.
    pub(crate) fn of_user(self, user: &UserDirs) -> Self {
        match self.layout.of_user {
            Some(dir) => Self { run: user.runtime.clone(), user: Some(user.clone()), ..self.at(vec![dir(user)]) },
            None => self,
        }
    }

    /// The same engine, which keeps its containers in these directories only.
    pub(crate) fn at(self, dirs: Vec<PathBuf>) -> Self {
        Self { dirs, others: Vec::new(), ..self }
    }

    /// The same, of which this is wanted.
    pub(crate) fn wanted(&self, extent: &Extent) -> Self {
        Self { extent: extent.clone(), ..self.clone() }
    }

    /// Adds the containers that monitors watch of another one, which is the same otherwise.
    pub(super) fn watch(&mut self, other: &Self) {
        Arc::make_mut(&mut self.watched).extend(other.watched.iter().cloned());
        Arc::make_mut(&mut self.monitored).extend(other.monitored.iter().cloned());
    }

    pub(crate) fn kind(&self) -> Kind {
        self.layout.kind
    }

    /// Whether a user's has its files in a mount namespace of its own.
    pub(crate) fn is_hidden_of_users(&self) -> bool {
        self.layout.of_user.is_none()
    }

    /// Where the files may be, unless settings say otherwise.
    pub(crate) fn dirs(&self) -> Vec<PathBuf> {
        let others = self.others.iter().filter(|_| self.extent.all);
        self.dirs.iter().chain(others).cloned().collect()
    }

    /// The directories in which there is anything to read of an engine that was told where its files are.
    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        [self.dirs.clone(), self.more()].concat()
    }

    /// Those of them that hold no containers.
    pub(super) fn more(&self) -> Vec<PathBuf> {
        (self.layout.parts)(self)
    }

    /// The files with the settings.
    pub(crate) fn settings(&self) -> Vec<PathBuf> {
        (self.layout.settings)(self.user.as_ref())
    }

    /// The directories in which something happens when containers come and go, and how many levels below them do, too; according
    /// to settings.
    ///
    /// # Errors
    /// If these cannot be read, or are not understood.
    pub(crate) async fn changing(&self, root: &Root) -> Result<Vec<(PathBuf, usize)>> {
        let store = self.as_set(root).await?;
        Ok((store.layout.changing)(&store))
    }

    /// Where the files are according to settings.
    ///
    /// # Errors
    /// If these cannot be read, or are not understood.
    pub(super) async fn as_set(&self, root: &Root) -> Result<Self> {
        if self.settings().iter().all(|path| root.is_known_absent(path)) {
            return Ok(self.clone());
        }
        let store = self.clone();
        root.ask(move |directory| (store.layout.set)(&Files::new(directory), store)).await
    }
}
