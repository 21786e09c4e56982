//! What an engine's files tell: which containers there are, and what could not be read of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nicon_core::container::is_id;
use nicon_core::path::show;
use nicon_core::{Error, Result};

use crate::brief::brief_list;
use crate::engine::container::{Fit, fit, short};
use crate::engine::pod::Pod;
use crate::query::path::spell;
use crate::query::{Kind, Qualifier};
use crate::rootfs::files::Files;

/// The most containers in one engine's files, as many as an engine may list; and the most reasons why there may be others. There is no
/// other end to them: links may lead to the same directory by any number of names.
const MOST: usize = 32_768;
const MOST_UNREAD: usize = 1024;

/// How many of several that a name may mean are shown.
const MAX_SHOWN: usize = 5;

/// A container in an engine's files.
#[derive(Clone, Default)]
pub(crate) struct IndexEntry {
    /// By the name of its directory, whatever is in there.
    pub(super) id: String,
    /// Its ID if its name could not be read.
    pub(super) name: String,
    /// The engine's namespace in which it is, if it has any.
    pub(super) namespace: Option<String>,
    /// The kind of engine, if it is not containerd that has namespaces.
    pub(super) kind: Option<Kind>,
    /// The ID for which its shim was started, if not its own.
    pub(super) sandbox: Option<String>,
    pub(super) pod: Option<Pod>,
    /// Where it belongs, to tell apart containers of the same name.
    pub(super) about: String,
    /// The file or directory with its state.
    pub(crate) path: PathBuf,
    /// Why its name is not known.
    pub(crate) unnamed: Option<Error>,
}

/// The containers in an engine's files, as far as these can be read.
pub(crate) struct Index {
    pub(super) entries: Vec<IndexEntry>,
    /// What could not be read: there may be any container in it.
    pub(super) unread: Vec<Error>,
    /// Whether no more is kept.
    is_full: bool,
}

impl Index {
    /// An empty one. Some directories are `barred`.
    pub(super) fn new(barred: Vec<Error>) -> Self {
        Self { entries: Vec::new(), unread: barred, is_full: false }
    }

    /// Adds a container, as long as there are not too many.
    pub(super) fn add(&mut self, entry: IndexEntry) {
        if self.entries.len() < MOST {
            self.entries.push(entry);
        } else {
            self.fill(&format!("more than {MOST} containers in its files"));
        }
    }

    /// Adds what could not be read.
    pub(super) fn fail(&mut self, error: Error) {
        if self.unread.len() < MOST_UNREAD {
            self.unread.push(error);
        } else {
            self.fill(&format!("more than {MOST_UNREAD} of its files cannot be read"));
        }
    }

    /// Whether to read on would be of no use: no more is kept.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    fn fill(&mut self, why: &str) {
        if !self.is_full {
            self.is_full = true;
            // It comes first, since few are told.
            self.unread.insert(0, Error::failed(format!("{why}: the rest is left out")));
        }
    }

    /// What was read, unless it failed.
    pub(super) fn take<T: Default>(&mut self, read: Result<T>) -> T {
        read.unwrap_or_else(|error| {
            self.fail(error);
            T::default()
        })
    }

    /// The names in a directory; none if it does not exist, or cannot be read.
    pub(super) fn names(&mut self, files: &Files, directory: &Path) -> Vec<String> {
        self.take(files.names(directory))
    }

    /// The entry with this name or whole ID, or else the only one with this short ID. If there is none, also a reason why it
    /// may be there nevertheless.
    ///
    /// # Errors
    /// If several match.
    pub(super) fn choose(self, asked: &str) -> Result<(Option<IndexEntry>, Option<Error>)> {
        let Self { entries, unread, .. } = self;
        let unnamed = entries.iter().find_map(|entry| entry.unnamed.clone());
        let unread = unread.into_iter().next().or(unnamed);
        match choose(asked, entries)? {
            Some(entry) => Ok((Some(entry), None)),
            None => Ok((None, unread)),
        }
    }
}

fn choose(asked: &str, entries: Vec<IndexEntry>) -> Result<Option<IndexEntry>> {
    let fits = |entry: &IndexEntry, how| fit(asked, &entry.id, &entry.name) == Some(how);
    let (exact, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| fits(entry, Fit::Exact));
    let is_short = |entry: &IndexEntry| fits(entry, Fit::ShortId);
    let mut fitting: Vec<IndexEntry> =
        if exact.is_empty() { others.into_iter().filter(is_short).collect() } else { exact };
    // A container may have files in several places.
    fitting.sort_by(|a, b| a.id.cmp(&b.id));
    fitting.dedup_by(|a, b| a.id == b.id && a.name == b.name && is_id(&a.id));
    if fitting.len() > 1 { Err(ambiguous(asked, &fitting)) } else { Ok(fitting.pop()) }
}

/// The error for several containers that a name may mean, and how to tell them apart.
fn ambiguous(asked: &str, fitting: &[IndexEntry]) -> Error {
    let shown = fitting.iter().map(|entry| format!("{}{}", short(&entry.id), entry.about));
    let shown = brief_list(shown, ", ", MAX_SHOWN);
    let namespaces: BTreeSet<_> = fitting.iter().map(|entry| &entry.namespace).collect();
    let ids: BTreeSet<_> = fitting.iter().map(|entry| &entry.id).collect();
    let way_out = if let Some(ways) = ways_by_pod(fitting) {
        format!("say {}", brief_list(ways.into_iter(), " or ", MAX_SHOWN))
    } else if namespaces.len() == fitting.len() {
        let kind = fitting.iter().find_map(|entry| entry.kind).unwrap_or(Kind::Containerd);
        let of = |namespace| Qualifier { engine: Some(kind), namespace, ..Qualifier::default() };
        let ways = fitting.iter().map(|entry| show(&[spell(&of(entry.namespace.clone()), asked, &entry.id)]));
        format!("say {}", brief_list(ways, " or ", MAX_SHOWN))
    } else if ids.len() == fitting.len() {
        "use an ID".to_owned()
    } else {
        "begin the path with its process, as in pid:4242".to_owned()
    };
    Error::failed(format!("\"{asked}\" is ambiguous: it matches {shown} ({way_out})"))
}

/// How each of these is named by its pod; `None` if that does not tell them apart.
fn ways_by_pod(fitting: &[IndexEntry]) -> Option<Vec<String>> {
    let way = |entry: &IndexEntry| {
        let pod = entry.pod.as_ref().filter(|pod| !pod.is_sandbox)?;
        Some(show(&[spell(&pod.way(None), &pod.name, &pod.sandbox), entry.name.clone()]))
    };
    let ways = fitting.iter().map(way).collect::<Option<BTreeSet<_>>>()?;
    (ways.len() == fitting.len()).then(|| ways.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, name: &str) -> IndexEntry {
        IndexEntry { id: id.into(), name: name.into(), ..IndexEntry::default() }
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
            let of = |(id, namespace): &(&str, Option<&str>)| IndexEntry {
                namespace: namespace.map(str::to_owned),
                ..entry(id, "web")
            };
            let error = choose("web", entries.iter().map(of).collect()).err().unwrap().to_string();
            error.split_once(" (").unwrap().1.to_owned()
        };
        let ways = "say containerd:teama:web or /containerd:k8s.io:web)";
        assert_eq!(told(&[("web", Some("teama")), ("web", Some("k8s.io"))]), ways);
        let error = choose(
            "cafe",
            ["id", "teama"]
                .map(|namespace| IndexEntry { namespace: Some(namespace.into()), ..entry("cafe", "cafe") })
                .into(),
        );
        assert!(error.err().unwrap().to_string().ends_with("(say containerd:id:id:cafe or containerd:teama:cafe)"));
        assert_eq!(told(&[(&a, Some("k8s.io")), (&b, Some("k8s.io"))]), "use an ID)");
        let twins = "begin the path with its process, as in pid:4242)";
        assert_eq!(told(&[("web", None), ("web", None)]), twins);
        assert_eq!(told(&[("web", Some("a")), ("web", Some("a")), (&a, Some("a"))]), twins);
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let told = |fill: fn(&mut Index)| {
            let mut index = Index::new(Vec::new());
            (0..100_000).for_each(|_| fill(&mut index));
            assert!(index.is_full());
            (index.entries.len(), index.unread.len(), index.unread[0].to_string())
        };
        let entries = told(|index| index.add(entry("a", "a")));
        assert_eq!(entries, (MOST, 1, "more than 32768 containers in its files: the rest is left out".into()));
        let unread = told(|index| index.fail(Error::failed("torn")));
        assert_eq!(
            unread,
            (0, MOST_UNREAD + 1, "more than 1024 of its files cannot be read: the rest is left out".into())
        );
    }

    #[test]
    fn what_was_not_read_counts_where_nothing_is_found() {
        let index = |unnamed: Option<&str>, unread: &[&str]| Index {
            entries: vec![entry("a1", "web"), IndexEntry { unnamed: unnamed.map(Error::failed), ..entry("b2", "b2") }],
            unread: unread.iter().map(|why| Error::failed(*why)).collect(),
            is_full: false,
        };
        let told = |index: Index, asked: &str| {
            let (entry, unread) = index.choose(asked).unwrap();
            (entry.map(|entry| entry.id), unread.map(|error| error.to_string()))
        };
        for (unnamed, unread, expected) in
            [(None, &[][..], None), (Some("torn"), &[], Some("torn")), (None, &["barred"], Some("barred"))]
        {
            let index = || index(unnamed, unread);
            assert_eq!(told(index(), "web"), (Some("a1".into()), None));
            assert_eq!(told(index(), "b2"), (Some("b2".into()), None));
            assert_eq!(told(index(), "db"), (None, expected.map(str::to_owned)));
        }
    }
}
