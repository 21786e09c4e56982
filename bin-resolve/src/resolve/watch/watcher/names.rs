//! The names in paths, and the containers that they mean.

use std::collections::BTreeSet;
use std::sync::Arc;

use nicon_core::{Error, Result, Status};

use crate::resolve::hop::Hop;
use crate::resolve::scan::progress::Progress;
use crate::resolve::watch::message::{Key, NodeId, QueryId, SiteId};
use crate::resolve::watch::sighting::Sighting;
use crate::resolve::watch::watcher::Watcher;

impl Watcher {
    /// A query goes on at a site, with its name of this number, or with what comes behind its names.
    pub(super) fn ask(&mut self, id: SiteId, query: QueryId, number: usize) {
        let (Some(asking), Some(site)) = (self.tree.queries.get(&query), self.tree.sites.get_mut(&id)) else { return };
        if let Some(name) = asking.names().get(number) {
            let asked = site.names.entry(name.clone()).or_default();
            asked.queries.insert(query, number);
            if let Some(node) = asked.node {
                self.lead_on(node, query, number);
            } else {
                asked.meant = None;
                self.ring(id);
            }
        } else if let Some(pattern) = asking.pattern() {
            site.patterns.insert(query, Progress::begin(pattern));
            self.ring(id);
        }
    }

    /// The name of this number leads a query to a node.
    pub(super) fn lead_on(&mut self, id: NodeId, query: QueryId, number: usize) {
        let Some(asking) = self.tree.queries.get(&query) else { return };
        let is_path = asking.pattern().is_none();
        let is_new = self.tree.nodes.get(&id).is_some_and(|node| {
            let seen = self.tree.sites.get(&node.site).is_some_and(|site| site.seen.contains(&query));
            if is_path { self.absent.contains_key(&query) } else { seen }
        });
        let is_end = number + 1 == asking.names().len() && is_path;
        let Some(node) = self.tree.nodes.get_mut(&id) else { return };
        if !is_new {
            node.present.insert(query);
        }
        if is_end {
            node.fits.insert(query);
            self.report(id, query);
        } else if let Some(child) = self.child_of(id) {
            if is_new && let Some(child) = self.tree.sites.get_mut(&child) {
                child.seen.insert(query);
            }
            self.ask(child, query, number + 1);
        }
    }

    pub(super) fn take_name(&mut self, id: SiteId, name: &str, meant: BTreeSet<Key>, found: Result<Arc<Hop>>) {
        let Some(site) = self.tree.sites.get_mut(&id) else { return };
        let Some(asked) = site.names.get_mut(name) else { return };
        // One that is listed and does not run may have ended in between, and be started again with nothing else in the list.
        let is_settled = found.as_ref().err().is_none_or(|error| error.status() == Status::No && meant.is_empty());
        asked.meant = is_settled.then_some(meant);
        let before = asked.node;
        let queries: Vec<_> = asked.queries.iter().map(|(query, number)| (*query, *number)).collect();
        let is_same = |hop: &Hop| before.is_some_and(|node| self.is_same(node, hop));
        match found {
            Ok(hop) if is_same(&hop) => {}
            Ok(hop) => {
                if let Some(node) = before {
                    self.remove(node);
                }
                let node = self.add_node(id, vec![name.to_owned()], None, &hop);
                if let Some(asked) = self.tree.sites.get_mut(&id).and_then(|site| site.names.get_mut(name)) {
                    asked.node = Some(node);
                }
                self.make_ready(node);
                for (query, number) in queries {
                    self.lead_on(node, query, number);
                }
            }
            Err(error) => {
                if error.status() == Status::Failed {
                    self.doubt(id, &error);
                    if before.is_some_and(|node| self.is_alive(node)) {
                        return;
                    }
                }
                if let Some(node) = before {
                    self.remove(node);
                }
                for (query, _) in queries {
                    self.be_absent(query, &error);
                }
            }
        }
    }

    pub(super) fn be_absent(&mut self, query: QueryId, error: &Error) {
        let Some(asking) = self.tree.queries.get(&query) else { return };
        let is_sure = error.status() == Status::No;
        let before = self.absent.get(&query).copied();
        // What is known for sure stays so until it is there again.
        if asking.pattern().is_none() && (before.is_none() || is_sure && before == Some(false)) {
            self.absent.insert(query, is_sure);
            self.sightings.push(Sighting::Absent { query, why: error.clone().prefix(asking.text()) });
        }
    }
}
