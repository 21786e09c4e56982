//! Sites and nodes come and go.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use nicon_core::Error;
use nicon_core::frozen::Freezers;
use nicon_core::path::{MAX_DEPTH, show};

use crate::query::path::Path;
use crate::resolve::hop::Hop;
use crate::resolve::watch::bells::{Bells, Task, end_of};
use crate::resolve::watch::message::{Key, Message, NodeId, SiteId, Wants};
use crate::resolve::watch::pace::Pace;
use crate::resolve::watch::reports::Told;
use crate::resolve::watch::sighting::Sighting;
use crate::resolve::watch::tree::{Node, Site};
use crate::resolve::watch::watcher::Watcher;

impl Watcher {
    pub(super) fn add_site(&mut self, id: SiteId, path: Path, hop: Option<Arc<Hop>>, node: Option<NodeId>) {
        let bells = Bells::new(id, &path, hop.as_ref(), &self.shared);
        let pace = Pace::of(hop.is_none());
        let site = Site {
            path,
            hop,
            node,
            patterns: Wants::new(),
            names: BTreeMap::new(),
            listed: HashMap::new(),
            found: HashSet::new(),
            looking_for: BTreeSet::new(),
            seen: BTreeSet::new(),
            changed: Instant::now(),
            pace,
            bells,
            look: None,
            timer: None,
            again: None,
            told: Told::default(),
            doubts: BTreeSet::new(),
            unknown: BTreeSet::new(),
        };
        self.tree.sites.insert(id, site);
    }

    /// The site in a container; `None` if its path would be too long.
    pub(super) fn child_of(&mut self, id: NodeId) -> Option<SiteId> {
        let node = self.tree.nodes.get(&id)?;
        if let Some(child) = node.child {
            return Some(child);
        }
        let (path, hop) = (self.tree.path_of(node), Arc::clone(&node.hop));
        if path.len() >= MAX_DEPTH {
            let too_deep = format!("list containers in {}: their paths have more than {MAX_DEPTH} names", show(&path));
            self.sightings.push(Sighting::Trouble(Error::failed(too_deep)));
            return None;
        }
        let child = self.tree.number();
        self.add_site(child, path, Some(hop), Some(id));
        self.tree.nodes.get_mut(&id)?.child = Some(child);
        Some(child)
    }

    pub(super) fn add_node(&mut self, site: SiteId, tail: Path, key: Option<Key>, hop: &Hop) -> NodeId {
        let outer = self.tree.sites.get(&site).and_then(|site| site.hop.as_ref());
        // What the look has learnt of engines is of no use any more.
        let hop = Arc::new(hop.within(outer));
        let (id, shared) = (self.tree.number(), Rc::clone(&self.shared));
        let pidfd = hop.process().pidfd().try_clone_to_owned();
        let end = Task::new(async move {
            // Without a descriptor, the next look finds out.
            if let Ok(pidfd) = pidfd
                && end_of(pidfd).await.is_ok()
            {
                shared.send(Message::Died(id));
            }
        });
        let freezers = Freezers::visible();
        let events = freezers.events_file(hop.process());
        let freezer = events.and_then(|file| self.shared.changes.watch_file(site, &file));
        let is_paused = freezers.is_frozen(hop.process());
        let (fits, present) = (BTreeSet::new(), BTreeSet::new());
        let node = Node {
            site,
            tail,
            key,
            hop,
            fits,
            present,
            child: None,
            is_ready: false,
            engine_of: None,
            is_paused,
            freezer,
            _end: end,
        };
        self.tree.nodes.insert(id, node);
        id
    }

    /// Takes note of through which other site the engine in a container is searched, if it is. An engine that could not be seen, such as
    /// one that is silent, is shared as before.
    pub(super) fn share_engine(&mut self, id: NodeId, by: Option<SiteId>, are_all_seen: bool) {
        let Some(node) = self.tree.nodes.get_mut(&id) else { return };
        // A process loses its root directory before it has ended: nothing is seen there then.
        if node.hop.process().is_ending() {
            return;
        }
        let before = node.engine_of.filter(|site| self.tree.sites.contains_key(site));
        let by = if are_all_seen { by } else { before.or(by) };
        if node.engine_of != by {
            node.engine_of = by;
            self.tell_engine_of(id);
        }
    }

    pub(super) fn make_ready(&mut self, id: NodeId) {
        let Some(node) = self.tree.nodes.get_mut(&id).filter(|node| !node.is_ready) else { return };
        node.is_ready = true;
        for query in node.fits.clone() {
            self.report(id, query);
        }
    }

    pub(super) fn is_alive(&self, node: NodeId) -> bool {
        self.tree.nodes.get(&node).is_some_and(|node| node.hop.process().is_alive())
    }

    pub(super) fn is_same(&self, node: NodeId, hop: &Hop) -> bool {
        self.is_alive(node)
            && self.tree.nodes.get(&node).is_some_and(|node| node.hop.process().pid() == hop.process().pid())
    }

    /// Removes a node and all below it, the innermost first.
    pub(super) fn remove(&mut self, id: NodeId) {
        if let Some(child) = self.tree.nodes.get(&id).and_then(|node| node.child) {
            self.remove_site(child);
        }
        let Some(node) = self.tree.nodes.get(&id) else { return };
        for query in node.fits.clone() {
            self.unreport(id, query);
        }
        let Some(node) = self.tree.nodes.remove(&id) else { return };
        if let Some(file) = node.freezer {
            self.shared.changes.leave_file(file);
        }
        let Some(site) = self.tree.sites.get_mut(&node.site) else { return };
        match &node.key {
            Some(key) if site.listed.get(key) == Some(&id) => drop(site.listed.remove(key)),
            Some(_) => {}
            None => {
                let asked = node.tail.first().and_then(|name| site.names.get_mut(name));
                if let Some(asked) = asked.filter(|asked| asked.node == Some(id)) {
                    (asked.node, asked.meant) = (None, None);
                }
            }
        }
    }

    pub(super) fn remove_site(&mut self, id: SiteId) {
        let Some(site) = self.tree.sites.get(&id) else { return };
        let named = site.names.values().filter_map(|asked| asked.node);
        let nodes: Vec<_> = site.listed.values().copied().chain(named).collect();
        for node in nodes {
            self.remove(node);
        }
        self.tree.sites.remove(&id);
        self.shared.changes.leave(id);
        for site in self.registry.leave(id) {
            self.ring(site);
        }
    }
}
