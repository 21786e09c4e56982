//! Which container is reported for which query: each once, under one of its paths.

use std::collections::{BTreeSet, HashMap};

use crate::resolve::watch::message::{NodeId, QueryId};

/// The nodes that show a process to a query: the first of them is reported.
#[derive(Default)]
pub(super) struct Reports(HashMap<(QueryId, i32), Vec<NodeId>>);

impl Reports {
    /// A node shows a process. Returns whether it is the first, and did not before.
    pub(super) fn add(&mut self, query: QueryId, pid: i32, node: NodeId) -> bool {
        let nodes = self.0.entry((query, pid)).or_default();
        if !nodes.contains(&node) {
            nodes.push(node);
            return nodes.len() == 1;
        }
        false
    }

    /// A node does not show it any more. Returns the one that does so instead, if this one was reported; a node that was reported
    /// last has no other.
    pub(super) fn remove(&mut self, query: QueryId, pid: i32, node: NodeId) -> Removed {
        let Some(nodes) = self.0.get_mut(&(query, pid)) else { return Removed::Unreported };
        let Some(index) = nodes.iter().position(|of| *of == node) else { return Removed::Unreported };
        nodes.remove(index);
        let next = nodes.first().copied();
        if next.is_none() {
            self.0.remove(&(query, pid));
        }
        match (index, next) {
            (0, Some(next)) => Removed::By(next),
            (0, None) => Removed::Last,
            _ => Removed::Unreported,
        }
    }

    /// Nobody asks a query any more.
    pub(super) fn forget(&mut self, query: QueryId) {
        self.0.retain(|(of, _), _| *of != query);
    }

    /// Whether a node is the one that is reported.
    pub(super) fn is_reported(&self, query: QueryId, pid: i32, node: NodeId) -> bool {
        self.0.get(&(query, pid)).is_some_and(|nodes| nodes.first() == Some(&node))
    }
}

/// What becomes of a report.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// There was none.
    Unreported,
    /// It is gone.
    Last,
    /// Another node has the same process.
    By(NodeId),
}

/// Texts that were told already.
#[derive(Default)]
pub(super) struct Told(BTreeSet<String>);

impl Told {
    /// Those of `texts` that were not told before. What is not among them is told again if it comes back.
    pub(super) fn new_of(&mut self, texts: BTreeSet<String>) -> Vec<String> {
        let new = texts.difference(&self.0).cloned().collect();
        self.0 = texts;
        new
    }
}
