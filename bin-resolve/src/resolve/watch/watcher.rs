//! Keeps what is known true, and tells what changes.

mod listed;
mod looking;
mod names;
mod nodes;
mod reporting;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Instant;

use nicon_core::Result;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::query::parse::{Query, Target};
use crate::resolve::batch::Inner;
use crate::resolve::watch::bells::Task;
use crate::resolve::watch::message::{Claims, Message, QueryId, Shared, SiteId};
use crate::resolve::watch::pace::{Next, Now};
use crate::resolve::watch::registry::Registry;
use crate::resolve::watch::reports::Reports;
use crate::resolve::watch::sighting::Sighting;
use crate::resolve::watch::tree::{Asking, Site, Tree};

/// The site of our own machine.
const HOST: SiteId = 0;

/// A site whose engines wait to be claimed.
struct Later {
    site: SiteId,
    inside: Result<Vec<Inner>>,
    /// Whether there are no others for sure.
    are_all: bool,
    reply: oneshot::Sender<Claims>,
    /// When it has waited long enough: others may never be done.
    until: Instant,
}

pub(super) struct Watcher {
    shared: Rc<Shared>,
    tree: Tree,
    registry: Registry,
    reports: Reports,
    /// The paths at which there is nothing, and whether that is known for sure.
    absent: HashMap<QueryId, bool>,
    /// Sites with only the sockets of engines that run elsewhere: in another container, or our own. They are searched when nothing
    /// else is being looked at, so that those engines' containers are found under better names; but they wait no longer than one hop
    /// may take.
    later: Vec<(Later, Task)>,
    sightings: Vec<Sighting>,
    /// Sites that are to be looked at when all is taken note of.
    rung: BTreeSet<SiteId>,
}

impl Watcher {
    /// Watches nothing yet.
    pub(super) fn new(shared: &Rc<Shared>) -> Self {
        let mut watcher = Self {
            shared: Rc::clone(shared),
            tree: Tree::default(),
            registry: Registry::default(),
            reports: Reports::default(),
            absent: HashMap::new(),
            later: Vec::new(),
            sightings: Vec::new(),
            rung: BTreeSet::new(),
        };
        watcher.add_site(HOST, Vec::new(), None, None);
        watcher
    }

    /// Begins to look where that is to be done, and returns what is to be told.
    pub(super) fn settle(&mut self) -> Vec<Sighting> {
        self.enter_later();
        for site in std::mem::take(&mut self.rung) {
            let next = self.tree.sites.get_mut(&site).map(|site| site.pace.ring(Now::get()));
            self.go_on(site, next);
        }
        std::mem::take(&mut self.sightings)
    }

    /// From now on, this is watched, too.
    pub(super) fn follow(&mut self, query: QueryId, asked: Query) {
        let Query { text, target } = asked;
        let asking = match target {
            Target::One(path) => Asking::Path { text, path },
            Target::Many(pattern) => Asking::Pattern { text, pattern: Rc::new(pattern) },
        };
        self.tree.queries.insert(query, asking);
        self.ask(HOST, query, 0);
    }

    /// Nobody asks this any more. What was told of it is not taken back.
    pub(super) fn leave(&mut self, query: QueryId) {
        self.tree.queries.remove(&query);
        self.registry.forget(query);
        self.reports.forget(query);
        self.absent.remove(&query);
        for node in self.tree.nodes.values_mut() {
            node.fits.remove(&query);
            node.present.remove(&query);
        }
        for site in self.tree.sites.values_mut() {
            site.patterns.remove(&query);
            site.seen.remove(&query);
            for asked in site.names.values_mut() {
                asked.queries.remove(&query);
            }
        }
        let sites: Vec<_> = self.tree.sites.iter().map(|(id, site)| (*id, site.patterns.is_empty())).collect();
        for (id, has_no_pattern) in sites {
            let Some(site) = self.tree.sites.get_mut(&id) else { continue };
            let idle: Vec<_> = site.names.extract_if(.., |_, asked| asked.queries.is_empty()).collect();
            let nodes = idle.into_iter().filter_map(|(_, asked)| asked.node);
            let unlisted: Vec<_> = if has_no_pattern { site.listed.values().copied().collect() } else { Vec::new() };
            nodes.chain(unlisted).collect::<Vec<_>>().into_iter().for_each(|node| self.remove(node));
        }
    }

    /// Takes note of what has happened.
    pub(super) fn take(&mut self, message: Message) {
        match message {
            Message::Rung(site) => self.ring(site),
            Message::Due(site) => {
                let next = self.tree.sites.get_mut(&site).map(|site| site.pace.wake(Now::get()));
                self.go_on(site, next);
            }
            Message::Again(site) => {
                self.rung.insert(site);
            }
            Message::Listening(site, endpoints) => {
                if let Some(Site { bells, hop, .. }) = self.tree.sites.get_mut(&site) {
                    bells.listen(endpoints, hop.as_ref());
                }
            }
            Message::Inside(site, inside, are_all, reply) => {
                let until = Instant::now() + self.shared.settings.timeout;
                self.take_inside(Later { site, inside, are_all, reply, until });
            }
            // What has waited long enough is entered below.
            Message::Waited => {}
            Message::Named(site, name, meant, found) => self.take_name(site, &name, meant, found),
            Message::Found(site, key, tail, wants, hop) => self.take_found(site, key, tail, &wants, &hop),
            Message::Looked(site, looked) => self.take_looked(site, *looked),
            Message::Died(node) => self.remove(node),
        }
    }

    /// Something may have changed at a site, or more is asked there.
    fn ring(&mut self, id: SiteId) {
        if let Some(site) = self.tree.sites.get_mut(&id) {
            site.changed = Instant::now();
        }
        self.rung.insert(id);
    }

    fn go_on(&mut self, id: SiteId, next: Option<Next>) {
        match next {
            Some(Next::Look) => {
                if let Some(site) = self.tree.sites.get_mut(&id) {
                    site.timer = None;
                }
                self.look_at(id);
            }
            Some(Next::Wait(time)) => {
                let shared = Rc::clone(&self.shared);
                let timer = Task::new(async move {
                    sleep(time).await;
                    shared.send(Message::Due(id));
                });
                if let Some(site) = self.tree.sites.get_mut(&id) {
                    site.timer = Some(timer);
                }
            }
            Some(Next::Nothing) | None => {}
        }
    }
}
