//! Tells of containers, each once.

use std::sync::Arc;

use nicon_core::frozen::Freezers;

use crate::resolve::hit::Hit;
use crate::resolve::watch::message::{NodeId, QueryId, SiteId};
use crate::resolve::watch::reports::Removed;
use crate::resolve::watch::sighting::{Sighting, What};
use crate::resolve::watch::tree::Asking;
use crate::resolve::watch::watcher::Watcher;

impl Watcher {
    pub(super) fn report(&mut self, id: NodeId, query: QueryId) {
        let Some(node) = self.tree.nodes.get(&id).filter(|node| node.is_ready) else { return };
        let what = if node.present.contains(&query) { What::Present } else { What::Arrived };
        if self.reports.add(query, node.hop.process().pid(), id) {
            self.absent.remove(&query);
            self.tell(id, query, what);
        }
    }

    /// Finds out which containers of a site are paused. No engine is asked: the kernel knows.
    pub(super) fn see_paused(&mut self, site: SiteId) {
        let Some(site) = self.tree.sites.get(&site) else { return };
        let named = site.names.values().filter_map(|asked| asked.node);
        let (nodes, freezers) = (site.listed.values().copied().chain(named), Freezers::visible());
        for id in nodes.collect::<Vec<_>>() {
            let Some(node) = self.tree.nodes.get_mut(&id) else { continue };
            let is_paused = freezers.is_frozen(node.hop.process());
            if node.is_paused != is_paused {
                node.is_paused = is_paused;
                self.tell_changed(id);
            }
        }
    }

    /// Tells a container again, of which something has changed.
    pub(super) fn tell_changed(&mut self, id: NodeId) {
        self.tell_changed_to(id, |_| true);
    }

    /// Tells a container again, which shares another engine, or one that is called otherwise. That is said only of what patterns match.
    pub(super) fn tell_engine_of(&mut self, id: NodeId) {
        self.tell_changed_to(id, |asking| asking.pattern().is_some());
    }

    fn tell_changed_to(&mut self, id: NodeId, is_told: impl Fn(&Asking) -> bool) {
        let Some(node) = self.tree.nodes.get(&id) else { return };
        let pid = node.hop.process().pid();
        let asks = |query: &&QueryId| self.tree.queries.get(query).is_some_and(&is_told);
        let told = node.fits.iter().filter(|query| self.reports.is_reported(**query, pid, id)).filter(asks);
        for query in told.copied().collect::<Vec<_>>() {
            self.tell(id, query, What::Changed);
        }
    }

    pub(super) fn unreport(&mut self, id: NodeId, query: QueryId) {
        let Some(node) = self.tree.nodes.get(&id) else { return };
        match self.reports.remove(query, node.hop.process().pid(), id) {
            Removed::Unreported => {}
            Removed::By(other) => self.tell(other, query, What::Changed),
            Removed::Last => {
                self.tell(id, query, What::Gone);
                if self.tree.queries.get(&query).is_some_and(|asking| asking.pattern().is_none()) {
                    self.absent.insert(query, true);
                }
            }
        }
    }

    pub(super) fn tell(&mut self, id: NodeId, query: QueryId, what: What) {
        let Some(node) = self.tree.nodes.get(&id) else { return };
        let (path, engine_of) = match self.tree.queries.get(&query) {
            Some(Asking::Path { path, .. }) => (path.clone(), None),
            Some(Asking::Pattern { .. }) => (self.tree.path_of(node), self.tree.engine_of(node).cloned()),
            None => return,
        };
        let hit = Hit { path, hop: Arc::clone(&node.hop), engine_of };
        self.sightings.push(Sighting::Container { query, what, hit, is_paused: node.is_paused });
    }
}
