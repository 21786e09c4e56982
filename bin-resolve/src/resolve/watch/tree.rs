//! What is known: sites, the containers that were found there, and the sites in these.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use nicon_core::Error;
use nicon_core::path::show;

use crate::query::path::Path;
use crate::query::pattern::Pattern;
use crate::resolve::hop::Hop;
use crate::resolve::scan::progress::Progress;
use crate::resolve::watch::bells::{Bells, Task};
use crate::resolve::watch::message::{Key, NodeId, QueryId, SiteId, Wants};
use crate::resolve::watch::pace::Pace;
use crate::resolve::watch::reports::Told;
use crate::rootfs::changes::WatchedFile;

/// Where engines are watched: in a container, or on our own machine.
pub(super) struct Site {
    pub(super) path: Path,
    /// The container; `None` for our own machine.
    pub(super) hop: Option<Arc<Hop>>,
    pub(super) node: Option<NodeId>,
    pub(super) patterns: Wants,
    pub(super) names: BTreeMap<String, Asked>,
    pub(super) listed: HashMap<Key, NodeId>,
    /// Those of `listed` that the look which is under way has found.
    pub(super) found: HashSet<Key>,
    /// The queries for which that look is taken.
    pub(super) looking_for: BTreeSet<QueryId>,
    /// The queries for which it has been looked at: what is found from now on was not there before.
    pub(super) seen: BTreeSet<QueryId>,
    /// When something may have changed there last, as far as is known.
    pub(super) changed: Instant,
    pub(super) pace: Pace,
    pub(super) bells: Bells,
    pub(super) look: Option<Task>,
    pub(super) timer: Option<Task>,
    /// When it is looked at again whatever happens.
    pub(super) again: Option<Task>,
    pub(super) told: Told,
    /// What was doubtful when it was looked at last.
    pub(super) doubts: BTreeSet<String>,
    /// What else is doubtful since the look began: names, and engines that could not be looked up.
    pub(super) unknown: BTreeSet<String>,
}

impl Site {
    /// What could not be seen here.
    pub(super) fn at(&self, error: &Error) -> String {
        match &self.path[..] {
            [] => error.to_string(),
            path => format!("list containers in {}: {error}", show(path)),
        }
    }
}

/// A name that paths ask for.
#[derive(Default)]
pub(super) struct Asked {
    /// The queries that ask for it, each with the number of the segment that it is.
    pub(super) queries: BTreeMap<QueryId, usize>,
    /// The listed containers that it meant when it was looked up last; `None` if it is to be looked up whatever is listed.
    pub(super) meant: Option<BTreeSet<Key>>,
    pub(super) node: Option<NodeId>,
}

/// A container that was found.
pub(super) struct Node {
    pub(super) site: SiteId,
    /// Its path from the site: one segment, or two of a pod's container.
    pub(super) tail: Path,
    /// Its key in the list; `None` if a path asks for it.
    pub(super) key: Option<Key>,
    pub(super) hop: Arc<Hop>,
    /// The queries that it answers.
    pub(super) fits: BTreeSet<QueryId>,
    /// Those for which it was there at the start.
    pub(super) present: BTreeSet<QueryId>,
    pub(super) child: Option<SiteId>,
    /// Whether all is known that is reported.
    pub(super) is_ready: bool,
    /// The other site through which the engine in it is searched, if it is.
    pub(super) engine_of: Option<SiteId>,
    pub(super) is_paused: bool,
    /// What changes when it is paused, or runs again.
    pub(super) freezer: Option<WatchedFile>,
    pub(super) _end: Task,
}

/// What a query asks for.
pub(super) enum Asking {
    Path { text: String, path: Path },
    Pattern { text: String, pattern: Rc<Pattern> },
}

impl Asking {
    /// The names at its beginning.
    pub(super) fn names(&self) -> &Path {
        match self {
            Self::Path { path, .. } => path,
            Self::Pattern { pattern, .. } => &pattern.prefix,
        }
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::Path { text, .. } | Self::Pattern { text, .. } => text,
        }
    }

    pub(super) fn pattern(&self) -> Option<&Rc<Pattern>> {
        match self {
            Self::Path { .. } => None,
            Self::Pattern { pattern, .. } => Some(pattern),
        }
    }
}

/// All sites and nodes. A node is in a site, and has at most one below it.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) queries: BTreeMap<QueryId, Asking>,
    pub(super) sites: HashMap<SiteId, Site>,
    pub(super) nodes: HashMap<NodeId, Node>,
    next: u64,
}

impl Tree {
    /// Another number.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The path of a node.
    pub(super) fn path_of(&self, node: &Node) -> Path {
        let site = self.sites.get(&node.site).map(|site| &site.path[..]).unwrap_or_default();
        [site, &node.tail].concat()
    }

    /// The path of the container whose engine a node shares.
    pub(super) fn engine_of(&self, node: &Node) -> Option<&Path> {
        node.engine_of.and_then(|site| self.sites.get(&site)).map(|site| &site.path)
    }

    /// The nodes that share an engine of this one, or of one below it.
    pub(super) fn sharing_below(&self, id: NodeId) -> Vec<NodeId> {
        let Some(path) = self.nodes.get(&id).map(|node| self.path_of(node)) else { return Vec::new() };
        let is_below = |node: &Node| self.engine_of(node).is_some_and(|of| of.starts_with(&path));
        self.nodes.iter().filter(|(_, node)| is_below(node)).map(|(id, _)| *id).collect()
    }

    /// The pattern queries that have come to a site.
    pub(super) fn pattern_queries(&self, site: &Site) -> Vec<QueryId> {
        let is_pattern = |query: &QueryId| self.queries.get(query).is_some_and(|asking| asking.pattern().is_some());
        let of_names = site.names.values().flat_map(|asked| asked.queries.keys().copied()).filter(is_pattern);
        let queries: BTreeSet<_> = site.patterns.keys().copied().chain(of_names).collect();
        queries.into_iter().collect()
    }

    /// Those of the patterns at a site of a container which lead on into another one that they match so far.
    pub(super) fn leading_on(&self, wants: &Wants) -> Wants {
        let leads_on = |query: &QueryId, progress: &Progress| {
            self.queries.get(query).and_then(Asking::pattern).is_some_and(|pattern| progress.leads_on(pattern))
        };
        wants.iter().filter(|(query, progress)| leads_on(query, progress)).map(|(q, p)| (*q, p.clone())).collect()
    }

    /// Those of the patterns that a container matches.
    pub(super) fn fitting(&self, wants: &Wants) -> BTreeSet<QueryId> {
        let is_fit = |query: &QueryId, progress: &Progress| {
            self.queries.get(query).and_then(Asking::pattern).is_some_and(|pattern| progress.is_fit(pattern))
        };
        wants.iter().filter(|(query, progress)| is_fit(query, progress)).map(|(query, _)| *query).collect()
    }
}
