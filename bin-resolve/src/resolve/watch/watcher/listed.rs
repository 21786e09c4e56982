//! The containers that engines list, as far as they match patterns.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use nicon_core::Error;

use crate::query::path::Path;
use crate::resolve::hop::Hop;
use crate::resolve::watch::message::{Key, Looked, NodeId, SiteId, Wants};
use crate::resolve::watch::pace::Now;
use crate::resolve::watch::sighting::Sighting;
use crate::resolve::watch::watcher::Watcher;

impl Watcher {
    pub(super) fn take_found(&mut self, id: SiteId, key: Key, tail: Path, wants: &Wants, hop: &Hop) {
        let Some(site) = self.tree.sites.get_mut(&id) else { return };
        site.found.insert(key.clone());
        let before = site.listed.get(&key).copied();
        let node = match before {
            Some(node) if self.is_same(node, hop) => {
                self.rename(node, tail, hop);
                node
            }
            before => {
                if let Some(node) = before {
                    self.remove(node);
                }
                let node = self.add_node(id, tail, Some(key.clone()), hop);
                let Some(site) = self.tree.sites.get_mut(&id) else { return };
                site.listed.insert(key, node);
                node
            }
        };
        self.want(node, wants);
    }

    /// So far, a listed container matches these patterns.
    pub(super) fn want(&mut self, id: NodeId, wants: &Wants) {
        let (fits, leading) = (self.tree.fitting(wants), self.tree.leading_on(wants));
        let Some(node) = self.tree.nodes.get_mut(&id) else { return };
        // Whoever asks for the first time finds it there.
        let seen = self.tree.sites.get(&node.site).map(|site| &site.seen);
        node.present.extend(wants.keys().filter(|query| seen.is_some_and(|seen| !seen.contains(query))));
        let (new, present) = (&fits - &node.fits, node.present.clone());
        let (gone, is_pod) = (&node.fits - &fits, node.hop.as_pod().is_some());
        node.fits = fits;
        for query in gone {
            self.unreport(id, query);
        }
        // A pod's containers are beside it in the list.
        let has_site = !leading.is_empty() && !is_pod;
        let child = if has_site { self.child_of(id) } else { None };
        if let Some(child) = child
            && let Some(site) = self.tree.sites.get_mut(&child)
            && site.patterns != leading
        {
            site.seen.extend(leading.keys().filter(|query| !present.contains(query)));
            site.patterns = leading;
            self.ring(child);
        }
        // Whoever asks what is there is told with it whose engine a container shares. One that has just been started is told at once.
        if child.is_none() || present.is_empty() {
            self.make_ready(id);
        }
        for query in new {
            self.report(id, query);
        }
    }

    pub(super) fn take_looked(&mut self, id: SiteId, looked: Looked) {
        let Looked { listed, unclear, is_whole, failures, doubts, is_late, has_overlooked } = looked;
        let Some(site) = self.tree.sites.get_mut(&id) else { return };
        // What it could not see any more is no failure. That the container has ended is told in a moment.
        if site.hop.as_ref().is_some_and(|hop| !hop.process().is_alive()) {
            return;
        }
        let (site_node, missing) = (site.node, |key: &Key| !listed.contains_key(key) && !site.found.contains(key));
        let missing = site.listed.iter().filter(|(key, _)| missing(key));
        let missing: Vec<_> = missing.map(|(key, node)| (*node, is_whole && !unclear.contains(key))).collect();
        for (node, is_gone) in missing {
            if is_gone || !self.is_alive(node) {
                self.remove(node);
            }
        }
        for (key, wants) in &listed {
            if let Some(node) = self.tree.sites.get(&id).and_then(|site| site.listed.get(key)).copied() {
                self.want(node, wants);
            }
        }
        if let Some(node) = site_node {
            self.make_ready(node);
        }
        self.see_paused(id);
        let Some(site) = self.tree.sites.get_mut(&id) else { return };
        // A query that has come meanwhile is looked for next.
        site.seen.append(&mut site.looking_for);
        let refusals: Vec<_> = site.bells.refusals().iter().map(|refusal| site.at(refusal)).collect();
        let doubts = doubts.iter().map(ToString::to_string).chain(std::mem::take(&mut site.unknown)).chain(refusals);
        let doubts: BTreeSet<_> = doubts.collect();
        // What is started just now may not be provable yet, and what has just ended not be known to have.
        let lasting = doubts.intersection(&site.doubts).cloned();
        let texts: BTreeSet<_> = failures.iter().map(ToString::to_string).chain(lasting).collect();
        let has_failed = !failures.is_empty() || !doubts.is_empty();
        site.doubts = doubts;
        let new = site.told.new_of(texts);
        self.sightings.extend(new.into_iter().map(|text| Sighting::Trouble(Error::failed(text))));
        let now = Now::get();
        // What a look after a failure may find has changed meanwhile.
        if is_late || has_failed {
            site.changed = Instant::now();
        }
        if is_late {
            site.pace.ring(now);
        }
        let next = site.pace.looked(now, has_failed);
        if has_overlooked {
            self.look_again_later(id);
        }
        self.go_on(id, Some(next));
    }

    /// A listed container has another name.
    pub(super) fn rename(&mut self, id: NodeId, tail: Path, hop: &Hop) {
        let Some(node) = self.tree.nodes.get_mut(&id) else { return };
        let outer = self.tree.sites.get(&node.site).and_then(|site| site.hop.as_ref());
        (node.tail, node.hop) = (tail, Arc::new(hop.within(outer)));
        self.tell_again(id);
        // Those elsewhere say where their engine is.
        for sharer in self.tree.sharing_below(id) {
            self.tell_engine_of(sharer);
        }
    }

    /// Tells a container and those in it again, by their new paths.
    pub(super) fn tell_again(&mut self, id: NodeId) {
        let Some(node) = self.tree.nodes.get(&id) else { return };
        let (hop, child, path) = (Arc::clone(&node.hop), node.child, self.tree.path_of(node));
        self.tell_changed(id);
        let Some(site) = child.and_then(|child| self.tree.sites.get_mut(&child)) else { return };
        (site.path, site.hop) = (path, Some(Arc::clone(&hop)));
        let inner: Vec<_> = site.listed.values().copied().collect();
        for id in inner {
            if let Some(node) = self.tree.nodes.get_mut(&id) {
                node.hop = Arc::new(node.hop.within(Some(&hop)));
            }
            self.tell_again(id);
        }
        if let Some(child) = child {
            // A look that is under way gives the old paths.
            self.ring(child);
        }
    }
}
