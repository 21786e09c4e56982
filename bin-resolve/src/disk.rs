//! Engines that are read from their files: Podman, containerd, crun, runc, and a Docker daemon that does not answer.

mod containerd;
mod crun;
mod docker;
mod podman;
mod runc;
mod runtime;

pub(crate) use docker::places_of as docker_places;

use std::collections::BTreeSet;
use std::path::PathBuf;

use nicon_core::container::{is_id, is_short_id};
use nicon_core::{Error, Namespace, Result, Status};
use nix::errno::Errno;

use crate::container::{self, Container, Fit, fit};
use crate::files::Files;
use crate::kind::{Kind, Qualifier};
use crate::listing::Listed;
use crate::name::show;
use crate::root::{FileId, Root};
use crate::trust::Bounds;

/// A container in an engine's files.
struct Entry {
    id: String,
    name: String,
    /// The engine's namespace in which it is, if it has any.
    namespace: Option<String>,
    /// The ID for which its shim was started, if not its own.
    sandbox: Option<String>,
    /// Where it belongs, to tell apart containers of the same name.
    about: String,
    /// The file or directory with its state.
    place: PathBuf,
}

/// An engine's files, and the PID namespace to which the PIDs in them belong.
pub(crate) struct Disk<'a> {
    pub(crate) kind: Kind,
    pub(crate) pidns: Namespace,
    /// What whoever may write the files may name.
    pub(crate) bounds: Bounds,
    /// The directory that holds the files.
    pub(crate) file: FileId,
    root: &'a Root,
    places: Vec<PathBuf>,
    extent: Extent,
}

/// Which of an engine's containers are wanted.
#[derive(Clone, Default)]
struct Extent {
    /// Also those that belong to an engine on top, since the engine was asked for by name.
    all: bool,
    /// Only those in this one of the engine's namespaces.
    namespace: Option<String>,
}

impl<'a> Disk<'a> {
    /// Where the files of an engine usually are.
    ///
    /// Unless it was asked for by name, files that belong to an engine on top of it are left to that one.
    pub(crate) fn places(kind: Kind, asked_for: bool) -> Vec<PathBuf> {
        let usual = match kind {
            Kind::Docker => docker::PLACES,
            Kind::Containerd => containerd::PLACES,
            Kind::Crun => crun::PLACES,
            Kind::Runc => runc::PLACES,
            Kind::Podman => podman::PLACES,
        };
        let others = match kind {
            Kind::Containerd if asked_for => containerd::OTHERS,
            Kind::Runc if asked_for => runc::OTHERS,
            _ => &[],
        };
        usual.iter().chain(others).map(PathBuf::from).collect()
    }

    /// Looks for the files of an engine at `places`; `None` if there are none.
    ///
    /// # Errors
    /// If they cannot be accessed.
    pub(crate) async fn at(
        kind: Kind,
        root: &'a Root,
        pidns: Namespace,
        bounds: Bounds,
        places: Vec<PathBuf>,
    ) -> Result<Option<Self>> {
        let (mut there, mut file) = (Vec::new(), None);
        for place in places {
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
        Ok(file.map(|file| Self { kind, pidns, bounds, file, root, places: there, extent: Extent::default() }))
    }

    /// The same: with `all`, also what belongs to an engine on top; and only what is in this one of the engine's namespaces.
    pub(crate) fn within(self, all: bool, namespace: Option<String>) -> Self {
        Self { extent: Extent { all, namespace }, ..self }
    }

    /// Finds the container that `asked` means, by [`fit`], and its file.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) if it is not running; otherwise if several match, or files cannot be
    /// read.
    pub(crate) async fn find(&self, asked: &str) -> Result<Option<(Container, PathBuf)>> {
        let asked = asked.to_owned();
        self.read(move |kind, files, places, extent| {
            let entries = match kind {
                // With these the name is the ID and the directory, so only what may be a shortened ID needs the index.
                Kind::Crun if !is_short_id(&asked) => runtime::named(files, places, &asked, crun::STATE)?,
                Kind::Runc if !is_short_id(&asked) => runc::own(runtime::named(files, places, &asked, runc::STATE)?),
                _ => index(kind, files, places, extent)?,
            };
            choose(&asked, entries)?
                .map(|entry| load(kind, files, &entry).map(|found| (found, entry.place)))
                .transpose()
        })
        .await
    }

    /// All containers in the files, running or not.
    ///
    /// # Errors
    /// If files cannot be read.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>> {
        self.read(|kind, files, places, extent| {
            let entries = index(kind, files, places, extent)?.into_iter();
            Ok(entries.map(|entry| Listed { id: entry.id, name: entry.name, namespace: entry.namespace }).collect())
        })
        .await
    }

    /// All containers whose files name a process, which may have ended. The inner error is about one container only.
    ///
    /// # Errors
    /// If there is no telling which containers there are.
    pub(crate) async fn with_process(&self) -> Result<Vec<Result<(Container, PathBuf)>>> {
        self.read(|kind, files, places, extent| {
            let entries = index(kind, files, places, extent)?.into_iter();
            let mut loaded = Vec::new();
            for entry in entries {
                match load(kind, files, &entry) {
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
        work: impl FnOnce(Kind, &Files, &[PathBuf], &Extent) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (kind, places, extent) = (self.kind, self.places.clone(), self.extent.clone());
        self.root.ask(move |directory| work(kind, &Files::new(directory), &places, &extent)).await
    }
}

/// The containers in the files.
fn index(kind: Kind, files: &Files, places: &[PathBuf], extent: &Extent) -> Result<Vec<Entry>> {
    match kind {
        Kind::Containerd => containerd::index(files, places, extent),
        Kind::Crun => runtime::index(files, places, crun::STATE),
        Kind::Runc => runtime::index(files, places, runc::STATE),
        Kind::Podman => podman::index(files, places),
        Kind::Docker => docker::index(files, places),
    }
}

fn load(kind: Kind, files: &Files, entry: &Entry) -> Result<Container> {
    match kind {
        Kind::Containerd => containerd::load(files, entry),
        Kind::Crun => runtime::load::<crun::State>(files, entry),
        Kind::Runc => runtime::load::<runc::State>(files, entry),
        Kind::Podman => podman::load(files, entry),
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
    if fitting.len() > 1 { Err(ambiguous(asked, &fitting)) } else { Ok(fitting.pop()) }
}

/// The error for several containers that a name may mean, and how to tell them apart.
fn ambiguous(asked: &str, fitting: &[Entry]) -> Error {
    let shown = fitting.iter().map(|entry| format!("{}{}", container::short(&entry.id), entry.about));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let namespaces: BTreeSet<_> = fitting.iter().map(|entry| &entry.namespace).collect();
    let ids: BTreeSet<_> = fitting.iter().map(|entry| &entry.id).collect();
    let way_out = if namespaces.len() == fitting.len() {
        let of = |namespace| Qualifier { engine: Some(Kind::Containerd), namespace, ..Qualifier::default() };
        let ways = fitting.iter().map(|entry| show(&[format!("{}{asked}", of(entry.namespace.clone()))]));
        format!("say {}", ways.collect::<Vec<_>>().join(" or "))
    } else if ids.len() == fitting.len() {
        "use an ID".to_owned()
    } else {
        "begin the path with its process, as in pid:4242".to_owned()
    };
    Error::failed(format!("\"{asked}\" is ambiguous: it matches {shown} ({way_out})"))
}

/// The error for a container without a process in its files.
fn not_running(id: &str) -> Error {
    Error::no(format!("container \"{id}\" is not running"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, name: &str) -> Entry {
        let (about, place) = (String::new(), PathBuf::new());
        Entry { id: id.into(), name: name.into(), namespace: None, sandbox: None, about, place }
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

    #[test]
    fn containers_of_one_name_are_told_apart_as_far_as_they_can_be() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let told = |entries: &[(&str, Option<&str>)]| {
            let of = |(id, namespace): &(&str, Option<&str>)| Entry {
                namespace: namespace.map(str::to_owned),
                ..entry(id, "web")
            };
            let error = choose("web", entries.iter().map(of).collect()).err().unwrap().to_string();
            error.split_once(" (").unwrap().1.to_owned()
        };
        let ways = "say containerd:teama:web or /containerd:k8s.io:web)";
        assert_eq!(told(&[("web", Some("teama")), ("web", Some("k8s.io"))]), ways);
        assert_eq!(told(&[(&a, Some("k8s.io")), (&b, Some("k8s.io"))]), "use an ID)");
        let twins = "begin the path with its process, as in pid:4242)";
        assert_eq!(told(&[("web", None), ("web", None)]), twins);
        assert_eq!(told(&[("web", Some("a")), ("web", Some("a")), (&a, Some("a"))]), twins);
    }
}
