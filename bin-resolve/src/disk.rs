//! Engines that are read from their files: Podman, containerd, crun, runc, and a Docker daemon that does not answer.

mod containerd;
mod crun;
mod docker;
mod podman;
mod runc;
mod runtime;

pub(crate) use docker::places_of as docker_places;

use std::path::{Path, PathBuf};

use nicon_core::container::{is_id, is_short_id};
use nicon_core::{Error, Namespace, Result, Status};
use nix::errno::Errno;

use crate::container::{self, Container, Fit, fit};
use crate::files::Files;
use crate::kind::Kind;
use crate::listing::Listed;
use crate::root::{FileId, Root};
use crate::trust::Bounds;

/// Where programs of root's keep what is of no use after a restart of the machine.
const RUN: &str = "/run";

/// A container in an engine's files.
struct Entry {
    id: String,
    name: String,
    /// Where it belongs, to tell apart containers of the same name.
    about: String,
    /// The file or directory with its state.
    place: PathBuf,
}

/// Where an engine keeps its files.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) kind: Kind,
    places: Vec<PathBuf>,
    /// Places that are of interest only if the engine was asked for by name: they belong to an engine on top of it.
    others: Vec<PathBuf>,
    /// The directory for what is of no use after a restart: `/run`, or a user's runtime directory.
    run: PathBuf,
    /// Whether the engine was asked for by name.
    asked_for: bool,
}

impl Store {
    /// Where the files of an engine that root runs usually are.
    pub(crate) fn usual(kind: Kind) -> Self {
        let (places, others): (&[&str], &[&str]) = match kind {
            Kind::Docker => (docker::PLACES, &[]),
            Kind::Containerd => (containerd::PLACES, containerd::OTHERS),
            Kind::Crun => (crun::PLACES, &[]),
            Kind::Runc => (runc::PLACES, runc::OTHERS),
            Kind::Podman => (podman::PLACES, &[]),
        };
        let paths = |places: &[&str]| places.iter().map(PathBuf::from).collect();
        Self { kind, places: paths(places), others: paths(others), run: RUN.into(), asked_for: false }
    }

    /// Where those of a user's engine usually are, given the user's runtime directory and the directory for the data of programs.
    /// A user's containerd has them where root's has, in a mount namespace of its own.
    pub(crate) fn of_user(kind: Kind, runtime: &Path, data: Option<&Path>) -> Self {
        let below_data = |path| data.map(|data| data.join(path));
        let place = match kind {
            Kind::Docker => below_data("docker/containers"),
            Kind::Podman => below_data("containers/storage"),
            Kind::Containerd => return Self::usual(kind),
            Kind::Crun | Kind::Runc => Some(runtime.join(kind.name())),
        };
        Self {
            kind,
            places: place.into_iter().collect(),
            others: Vec::new(),
            run: runtime.to_owned(),
            asked_for: false,
        }
    }

    /// A Docker daemon that keeps its containers in these directories.
    pub(crate) fn of_docker(places: Vec<PathBuf>) -> Self {
        Self { places, ..Self::usual(Kind::Docker) }
    }

    /// Where the files may be.
    pub(crate) fn places(&self, asked_for: bool) -> Vec<PathBuf> {
        let others = self.others.iter().filter(|_| asked_for);
        self.places.iter().chain(others).cloned().collect()
    }
}

/// An engine's files, and the PID namespace to which the PIDs in them belong.
pub(crate) struct Disk<'a> {
    pub(crate) pidns: Namespace,
    /// What whoever may write the files may name.
    pub(crate) bounds: Bounds,
    /// The directory that holds the files.
    pub(crate) file: FileId,
    root: &'a Root,
    /// The places that are there.
    store: Store,
}

impl<'a> Disk<'a> {
    /// Looks for the files of an engine below a root directory; `None` if there are none.
    ///
    /// Unless the engine was asked for by name, files that belong to an engine on top of it are left to that one.
    ///
    /// # Errors
    /// If they cannot be accessed.
    pub(crate) async fn of(
        store: &Store,
        root: &'a Root,
        pidns: Namespace,
        bounds: Bounds,
        asked_for: bool,
    ) -> Result<Option<Self>> {
        let (mut there, mut file) = (Vec::new(), None);
        for place in store.places(asked_for) {
            match root.file_at(&place).await {
                Ok(found) => {
                    file = file.or(Some(found));
                    there.push(place);
                }
                Err(error) => match error.errno() {
                    Some(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {}
                    Some(Errno::EACCES | Errno::EPERM) => {
                        return Err(error.and_say(" (needs root, or CAP_DAC_OVERRIDE)"));
                    }
                    _ => return Err(error),
                },
            }
        }
        let store = Store { places: there, others: Vec::new(), asked_for, ..store.clone() };
        Ok(file.map(|file| Self { pidns, bounds, file, root, store }))
    }

    /// Finds the container that `asked` means, by [`fit`], and its file.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) if it is not running; otherwise if several match, or files cannot be
    /// read.
    pub(crate) async fn find(&self, asked: &str) -> Result<Option<(Container, PathBuf)>> {
        let asked = asked.to_owned();
        self.read(move |store, files| {
            let entries = match store.kind {
                // With these the name is the ID and the directory, so only what may be a shortened ID needs the index.
                Kind::Crun if !is_short_id(&asked) => runtime::named(files, &store.places, &asked, crun::STATE)?,
                Kind::Runc if !is_short_id(&asked) => runtime::named(files, &store.places, &asked, runc::STATE)?,
                _ => index(store, files)?,
            };
            choose(&asked, entries)?
                .map(|entry| load(store, files, &entry).map(|found| (found, entry.place)))
                .transpose()
        })
        .await
    }

    /// All containers in the files, running or not.
    ///
    /// # Errors
    /// If files cannot be read.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>> {
        self.read(|store, files| {
            let entries = index(store, files)?.into_iter();
            Ok(entries.map(|entry| Listed { id: entry.id, name: entry.name }).collect())
        })
        .await
    }

    /// All containers whose files name a process, which may have ended. The inner error is about one container only.
    ///
    /// # Errors
    /// If there is no telling which containers there are.
    pub(crate) async fn with_process(&self) -> Result<Vec<Result<(Container, PathBuf)>>> {
        self.read(|store, files| {
            let entries = index(store, files)?.into_iter();
            let mut loaded = Vec::new();
            for entry in entries {
                match load(store, files, &entry) {
                    Ok(container) => loaded.push(Ok((container, entry.place))),
                    Err(error) if error.status() == Status::No => {}
                    Err(error) => loaded.push(Err(error)),
                }
            }
            Ok(loaded)
        })
        .await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, &Files) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.store.clone();
        self.root.ask(move |directory| work(&store, &Files::new(directory))).await
    }
}

/// The containers in the files.
fn index(store: &Store, files: &Files) -> Result<Vec<Entry>> {
    let Store { kind, places, run, asked_for, .. } = store;
    match kind {
        Kind::Containerd => containerd::index(files, places, *asked_for),
        Kind::Crun => runtime::index(files, places, crun::STATE),
        Kind::Runc => runtime::index(files, places, runc::STATE),
        Kind::Podman => podman::index(files, places, run),
        Kind::Docker => docker::index(files, places),
    }
}

fn load(store: &Store, files: &Files, entry: &Entry) -> Result<Container> {
    match store.kind {
        Kind::Containerd => containerd::load(files, entry),
        Kind::Crun => runtime::load::<crun::State>(files, entry),
        Kind::Runc => runtime::load::<runc::State>(files, entry),
        Kind::Podman => podman::load(files, entry, &store.run),
        Kind::Docker => docker::load(files, entry),
    }
}

/// The entry with this name or whole ID, or else the only one with this short ID.
fn choose(asked: &str, entries: Vec<Entry>) -> Result<Option<Entry>> {
    let fits = |entry: &Entry, how| fit(asked, &entry.id, &entry.name) == Some(how);
    let (exact, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| fits(entry, Fit::Exact));
    let short = |entry: &Entry| fits(entry, Fit::ShortId);
    let mut fitting: Vec<Entry> = if exact.is_empty() { others.into_iter().filter(short).collect() } else { exact };
    // A container may have files in several places.
    fitting.sort_by(|a, b| a.id.cmp(&b.id));
    fitting.dedup_by(|a, b| a.id == b.id && a.name == b.name && is_id(&a.id));
    if fitting.len() > 1 {
        let shown = fitting.iter().map(|entry| format!("{}{}", container::short(&entry.id), entry.about));
        let shown = shown.collect::<Vec<_>>().join(", ");
        return Err(Error::failed(format!("\"{asked}\" is ambiguous: it matches {shown} (use an ID)")));
    }
    Ok(fitting.pop())
}

/// The error for a container without a process in its files.
fn not_running(id: &str) -> Error {
    Error::no(format!("container \"{id}\" is not running"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, name: &str) -> Entry {
        Entry { id: id.into(), name: name.into(), about: String::new(), place: PathBuf::new() }
    }

    #[test]
    fn a_name_is_exact_and_an_id_may_be_short() {
        let (a, b, c) = ("a1".repeat(32), "ab".repeat(32), format!("{}c", "a".repeat(63)));
        let (d, dozen) = (format!("{}d", "a".repeat(63)), &"a1".repeat(6)[..]);
        let of = |id: &str, name: &str| entry(id, name);
        let all = || vec![of(&a, "web"), of(&b, "db"), of("webs", "webs"), of(dozen, dozen), of(&c, "c"), of(&d, "d")];
        let chosen = |asked: &str| choose(asked, all()).map(|entry| entry.map(|entry| entry.id));
        assert_eq!(chosen("web").unwrap(), Some(a.clone()));
        assert_eq!(chosen(&b[..12]).unwrap(), Some(b.clone()));
        assert_eq!(chosen(&a[..13]).unwrap(), Some(a.clone()));
        assert_eq!(chosen(dozen).unwrap(), Some(dozen.to_owned()), "a name before the beginning of an ID");
        assert_eq!(chosen("we").unwrap(), None, "only the digits of an ID may be left out");
        assert_eq!(chosen("ab").unwrap(), None, "so few digits are a name");
        assert!(chosen(&c[..20]).unwrap_err().to_string().contains("ambiguous"));
    }
}
