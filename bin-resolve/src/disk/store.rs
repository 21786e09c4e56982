//! Where an engine keeps its files: usually, as a user's, or as its settings say.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use nicon_core::Result;

use super::{containerd, crun, dockerd, podman, runc, storage};
use crate::files::Files;
use crate::kind::Kind;
use crate::root::Root;

/// Where programs of root's keep what is of no use after a restart of the machine.
const RUN: &str = "/run";

/// Where an engine keeps its files.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) kind: Kind,
    pub(super) places: Vec<PathBuf>,
    /// Places of containers that belong to an engine on top of it.
    others: Vec<PathBuf>,
    /// The directory for what is of no use after a restart: `/run`, or a user's runtime directory.
    pub(super) run: PathBuf,
    /// The user whose settings count, if it is not root.
    pub(super) user: Option<User>,
    /// Where Podman was told to keep what is of no use after a restart.
    pub(super) runroot: Option<PathBuf>,
    /// Where a runtime was told to keep its state.
    state: Option<PathBuf>,
    /// The IDs of containers that conmon watches, so that they run whatever else is known.
    pub(super) watched: Arc<HashSet<String>>,
    pub(super) extent: Extent,
}

/// Where a Podman was told to keep what, by the options that conmon passes on to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Storage {
    pub(crate) graphroot: PathBuf,
    pub(crate) runroot: PathBuf,
    /// The directory for what is of no use after a restart.
    pub(crate) run: PathBuf,
    /// Where the runtime keeps its state, if it was told that.
    pub(crate) state: Option<PathBuf>,
}

/// Which of the containers in an engine's files are wanted.
#[derive(Clone, Default)]
pub(crate) struct Extent {
    /// Also those that belong to an engine on top of it.
    pub(crate) all: bool,
    /// Only those in this one of the engine's namespaces.
    pub(crate) namespace: Option<String>,
    /// None of those with these IDs, which other engines have told already.
    pub(crate) known: Arc<HashSet<String>>,
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
        let (run, watched) = (RUN.into(), Arc::default());
        Self { kind, places, others, run, user: None, runroot: None, state: None, watched, extent: Extent::default() }
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

    /// An engine that keeps its containers in these directories.
    pub(crate) fn at(kind: Kind, places: Vec<PathBuf>) -> Self {
        Self { places, others: Vec::new(), ..Self::usual(kind) }
    }

    /// A Podman that was told where to keep its containers, of which conmon watches these.
    pub(crate) fn told(storage: &Storage, watched: HashSet<String>) -> Self {
        let Storage { graphroot, runroot, run, state } = storage.clone();
        let (runroot, watched) = (Some(runroot), Arc::new(watched));
        Self { run, runroot, state, watched, ..Self::at(Kind::Podman, vec![graphroot]) }
    }

    /// Where Podman keeps what is of no use after a restart of the machine.
    pub(crate) fn runroot(&self) -> PathBuf {
        let usual = if self.user.is_none() { podman::RUN } else { podman::RUN_OF_USER };
        self.runroot.clone().unwrap_or_else(|| self.run.join(usual))
    }

    /// Where the runtimes of Podman's keep their state: crun, and runc.
    pub(crate) fn states(&self) -> [PathBuf; 2] {
        match &self.state {
            Some(state) => [state.clone(), state.clone()],
            None => [self.run.join(Kind::Crun.name()), self.run.join(Kind::Runc.name())],
        }
    }

    /// The directories in which there is anything to read of an engine that was told where its files are.
    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        let more = match self.kind {
            Kind::Podman => [&[self.runroot()], &self.states()[..]].concat(),
            Kind::Containerd => containerd::STATES.map(PathBuf::from).into(),
            Kind::Docker | Kind::Crun | Kind::Runc => Vec::new(),
        };
        [self.places.clone(), more].concat()
    }

    /// The same, of which this is wanted.
    pub(crate) fn wanted(&self, extent: &Extent) -> Self {
        Self { extent: extent.clone(), ..self.clone() }
    }

    /// The same, of which only these places are there.
    pub(super) fn only(self, places: Vec<PathBuf>) -> Self {
        Self { places, others: Vec::new(), ..self }
    }

    /// Where the files may be, unless settings say otherwise.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        let others = self.others.iter().filter(|_| self.extent.all);
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
    pub(super) async fn as_set(&self, root: &Root) -> Result<Self> {
        if self.settings().iter().all(|path| root.is_known_absent(path)) {
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
