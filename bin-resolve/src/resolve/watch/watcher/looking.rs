//! Looks at sites, and decides which of their engines are searched there.

use std::rc::Rc;
use std::time::Instant;

use nicon_core::{Error, Status};
use tokio::time::{sleep, sleep_until};

use crate::resolve::batch::Inner;
use crate::resolve::watch::bells::Task;
use crate::resolve::watch::look::{Job, Name, look};
use crate::resolve::watch::message::{Message, QueryId, SiteId};
use crate::resolve::watch::recent::SHARED;
use crate::resolve::watch::tree::{Asked, Asking};
use crate::resolve::watch::watcher::{Later, Watcher};

impl Watcher {
    pub(super) fn look_at(&mut self, id: SiteId) {
        let Some(site) = self.tree.sites.get(&id) else { return };
        let pattern_of = |query: &QueryId| self.tree.queries.get(query).and_then(Asking::pattern).cloned();
        let patterns =
            site.patterns.iter().filter_map(|(query, progress)| Some((*query, pattern_of(query)?, progress)));
        let patterns: Vec<_> = patterns.map(|(query, pattern, progress)| (query, pattern, progress.clone())).collect();
        let name = |(segment, asked): (&String, &Asked)| Name { segment: segment.clone(), meant: asked.meant.clone() };
        let names: Vec<_> = site.names.iter().map(name).collect();
        let by_patterns = patterns.iter().map(|(_, pattern, progress)| progress.asks(pattern));
        let asked = by_patterns.chain(names.iter().map(Name::asks)).collect();
        let known = site.listed.iter().filter_map(|(key, node)| {
            let node = self.tree.nodes.get(node).filter(|node| node.hop.process().is_alive())?;
            Some((key.clone(), node.tail.clone()))
        });
        let job = Job {
            site: id,
            path: site.path.clone(),
            hop: site.hop.clone(),
            asked,
            patterns,
            names,
            changed: site.changed,
            known: known.collect(),
            claims: !self.tree.pattern_queries(site).is_empty(),
        };
        let shared = Rc::clone(&self.shared);
        let Some(site) = self.tree.sites.get_mut(&id) else { return };
        site.found.clear();
        let by_names = site.names.values().flat_map(|asked| asked.queries.keys());
        site.looking_for = site.patterns.keys().chain(by_names).copied().collect();
        site.unknown.clear();
        site.bells.look_begins();
        site.look = Some(Task::new(look(job, shared)));
    }

    /// What was overlooked is found when the monitors are not shared any more.
    pub(super) fn look_again_later(&mut self, id: SiteId) {
        let Some(site) = self.tree.sites.get_mut(&id) else { return };
        if site.again.as_ref().is_some_and(|again| !again.is_over()) {
            return;
        }
        let shared = Rc::clone(&self.shared);
        site.again = Some(Task::new(async move {
            sleep(SHARED).await;
            shared.send(Message::Again(id));
        }));
    }

    pub(super) fn take_inside(&mut self, later: Later) {
        let Later { site: id, inside, until, .. } = &later;
        let Some(site) = self.tree.sites.get(id) else { return };
        let queries = self.tree.pattern_queries(site);
        let waits = |inside: &Vec<Inner>| self.registry.is_better_searched_elsewhere(*id, &queries, inside);
        if site.hop.is_some() && inside.as_ref().is_ok_and(waits) {
            let (shared, until) = (Rc::clone(&self.shared), *until);
            let timer = Task::new(async move {
                sleep_until(until.into()).await;
                shared.send(Message::Waited);
            });
            self.later.push((later, timer));
        } else {
            self.admit(later);
        }
    }

    /// Lets the first by name of those that wait be searched, if nothing else is looked at, or it has waited long enough.
    pub(super) fn enter_later(&mut self) {
        let sites = &self.tree.sites;
        self.later.retain(|(Later { site, reply, .. }, _)| sites.contains_key(site) && !reply.is_closed());
        let looking = sites.values().filter(|site| site.pace.is_looking()).count();
        let (is_quiet, now) = (looking <= self.later.len(), Instant::now());
        let may_enter = |at: &usize| is_quiet || self.later[*at].0.until <= now;
        let path = |at: &usize| sites.get(&self.later[*at].0.site).map(|site| site.path.clone());
        if let Some(first) = (0..self.later.len()).filter(may_enter).min_by_key(path) {
            let (later, _) = self.later.remove(first);
            self.admit(later);
        }
    }

    pub(super) fn admit(&mut self, later: Later) {
        let Later { site: id, inside, are_all, reply, .. } = later;
        // What is asleep on our own machine comes back, and is searched there.
        if are_all && self.tree.sites.get(&id).is_some_and(|site| site.hop.is_some()) {
            for other in self.registry.keep_only(id, inside.as_deref().unwrap_or_default()) {
                self.ring(other);
            }
        }
        let Some(site) = self.tree.sites.get(&id) else { return };
        let queries = self.tree.pattern_queries(site);
        let (claims, by) = self.registry.claim(id, &queries, &inside);
        if let Some(node) = site.node {
            self.share_engine(node, by, are_all);
            self.make_ready(node);
        }
        if let Err(error) = inside
            && error.status() == Status::Failed
        {
            self.doubt(id, &error);
        }
        let _ = reply.send(claims);
    }

    pub(super) fn doubt(&mut self, id: SiteId, error: &Error) {
        if let Some(site) = self.tree.sites.get_mut(&id) {
            site.unknown.insert(site.at(error));
        }
    }
}
