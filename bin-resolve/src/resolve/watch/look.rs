//! One look at a site: which containers are there now, and the processes of those that were not known.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::{self, FuturesUnordered};
use nicon_core::path::show;
use nicon_core::{Error, Result, Status};
use tokio::sync::oneshot;

use crate::engine::api::pool::AT_ONCE;
use crate::lookup::listing::{ListedContainer, Listing};
use crate::query::path::Path;
use crate::query::pattern::Pattern;
use crate::query::{Qualifier, Subject};
use crate::resolve::batch::{Batch, Inner};
use crate::resolve::hop::Hop;
use crate::resolve::scan::frontier::Frontier;
use crate::resolve::scan::progress::{Progress, is_meant};
use crate::resolve::watch::message::{Claims, Key, Looked, Message, QueryId, Shared, SiteId, Wants};
use crate::rootfs::directory::FileId;

/// How many names are looked up at once.
const CONCURRENT: usize = 32;

/// What to look for at a site.
pub(super) struct Job {
    pub(super) site: SiteId,
    pub(super) path: Path,
    /// The container; `None` for our own machine.
    pub(super) hop: Option<Arc<Hop>>,
    /// Which engines the patterns and names ask for. Each of these is a list of its own, as it is without a watch: what leaves the
    /// choice to the caller's settings may leave out what another one names.
    pub(super) asked: BTreeSet<Qualifier>,
    pub(super) patterns: Vec<(QueryId, Rc<Pattern>, Progress)>,
    pub(super) names: Vec<Name>,
    /// When something may have changed there last, as far as is known.
    pub(super) changed: Instant,
    /// The containers that are known, with a process that runs.
    pub(super) known: HashMap<Key, Path>,
    /// Whether engines are claimed here: a pattern has come this way.
    pub(super) claims: bool,
}

/// A name that paths ask for.
pub(super) struct Name {
    pub(super) segment: String,
    /// The listed containers that it meant when it was looked up last; `None` if it is to be looked up whatever is listed.
    pub(super) meant: Option<BTreeSet<Key>>,
}

impl Name {
    /// Which engines it asks for: in all of their namespaces, since one list is enough.
    pub(super) fn asks(&self) -> Qualifier {
        Qualifier { namespace: None, ..Subject::qualifier(&self.segment) }
    }
}

/// A look, while it is taken.
struct Look<'a> {
    job: &'a Job,
    shared: &'a Shared,
    batch: Batch,
    /// The engines that were there when it was decided which of them are searched here.
    engines: HashSet<FileId>,
    done: Looked,
}

/// Looks at a site, and tells what is found as it is found.
pub(super) async fn look(job: Job, shared: Rc<Shared>) {
    let (monitors, has_overlooked) = shared.monitors.get(job.changed);
    let batch = Batch::within(Arc::clone(&shared.settings), &job.path, job.hop.as_deref(), monitors);
    let done = Looked {
        listed: HashMap::new(),
        unclear: HashSet::new(),
        is_whole: true,
        failures: Vec::new(),
        doubts: Vec::new(),
        is_late: false,
        has_overlooked,
    };
    let mut look = Look { job: &job, shared: &shared, batch, engines: HashSet::new(), done };
    look.take().await;
    look.survey().await;
    shared.send(Message::Looked(job.site, Box::new(look.done)));
}

impl Look<'_> {
    async fn take(&mut self) {
        let Job { path, asked, names, .. } = self.job;
        let Some(claims) = self.claim().await else { return };
        // As in most containers.
        if matches!(claims, Claims::None) && names.is_empty() {
            return;
        }
        let lists = join_all(asked.iter().map(|asked| self.batch.list(path, asked))).await;
        let mut listings = Vec::new();
        for (asked, listing) in asked.iter().zip(lists) {
            if let Err(error) = &listing
                && error.status() == Status::Failed
            {
                self.fail(error.clone());
            }
            let listing = listing.unwrap_or_default();
            for failure in listing.failures.iter().chain(&listing.remarks).chain(&listing.unread) {
                self.fail(failure.clone());
            }
            listings.push((asked, listing));
        }
        for (asked, listing) in &listings {
            self.find_names(asked, listing).await;
        }
        for (asked, listing) in &listings {
            self.find_listed(asked, listing, &claims).await;
        }
    }

    /// Watches what may change from now on. If that is more than before, another look finds what has happened meanwhile: most sites have
    /// no more, so that what has just been started is not told any later for it.
    async fn survey(&mut self) {
        let Job { site, path, asked, .. } = self.job;
        let mut survey = self.shared.changes.survey(*site);
        let mut listening = Vec::new();
        for asked in asked {
            match self.batch.survey(path, asked, &mut survey).await {
                Ok(endpoints) => listening.extend(endpoints),
                Err(error) => survey.fail(error),
            }
        }
        if let Err(error) = self.batch.survey_unusual(path, &mut survey).await {
            survey.fail(error);
        }
        self.done.is_late = survey.is_more();
        let unwatched = survey.settle().into_iter().filter(|error| error.status() == Status::Failed);
        self.done.failures.extend(unwatched.map(|error| error.prefix(self.context())).collect::<Vec<_>>());
        self.shared.send(Message::Listening(*site, listening));
    }

    /// Not everybody has answered.
    fn fail(&mut self, error: Error) {
        self.done.is_whole = false;
        self.done.failures.push(error.prefix(self.context()));
    }

    fn context(&self) -> String {
        match &self.job.path[..] {
            [] => "list containers".to_owned(),
            path => format!("list containers in {}", show(path)),
        }
    }

    /// The engines that are searched here; `None` if nobody wants to know any more.
    async fn claim(&mut self) -> Option<Claims> {
        // The engine of a pod is claimed where the pod is, and searched here for its containers alone.
        let is_in_pod = self.job.hop.as_ref().is_some_and(|hop| hop.as_pod().is_some());
        if !self.job.claims || is_in_pod {
            return Some(Claims::All);
        }
        let (inside, are_all) = self.look_inside().await;
        self.engines = inside.iter().flatten().map(|inner| inner.engine).collect();
        let (reply, claims) = oneshot::channel();
        self.shared.send(Message::Inside(self.job.site, inside, are_all, reply));
        claims.await.ok()
    }

    /// The engines that are asked for and there, and whether there are no others for sure. What cannot be looked for hides none of those
    /// that others ask for.
    async fn look_inside(&mut self) -> (Result<Vec<Inner>>, bool) {
        let Job { path, asked, .. } = self.job;
        let looked = join_all(asked.iter().map(|asked| self.batch.look_all_inside(path, asked))).await;
        let (mut inside, mut refusals, mut are_all) = (Vec::new(), Vec::new(), true);
        for looked in looked {
            match looked {
                Ok((engines, is_complete)) => {
                    are_all &= is_complete;
                    inside.extend(engines);
                }
                Err(error) => refusals.push(error),
            }
        }
        let is_unknown = refusals.iter().any(|error| error.status() == Status::Failed);
        are_all &= !is_unknown;
        // Nothing of it is searched then, which does not mean that nothing is there.
        self.done.is_whole &= !is_unknown;
        let refusal = refusals.into_iter().max_by_key(Error::status);
        match refusal {
            Some(refusal) if inside.is_empty() => (Err(refusal), are_all),
            _ => (Ok(inside), are_all),
        }
    }

    /// Looks up the names that may mean another container than before, of those that ask for these engines.
    async fn find_names(&self, asked: &Qualifier, listing: &Listing) {
        let Job { site, path, names, .. } = self.job;
        let meant = |name: &Name| {
            let is_it = |listed: &&ListedContainer| is_meant(&name.segment, listed, &listing.containers);
            let meant = listing.containers.iter().filter(is_it);
            meant.map(|listed| Key::of(listed, asked)).collect::<BTreeSet<_>>()
        };
        let names = names.iter().filter(|name| name.asks() == *asked);
        let changed = names.map(|name| (name, meant(name)));
        let changed = changed.filter(|(name, meant)| name.meant.as_ref() != Some(meant) || !self.done.is_whole);
        let finding = changed.map(|(Name { segment, .. }, meant)| async move {
            let path = [&path[..], std::slice::from_ref(segment)].concat();
            let found = self.batch.find(&path).await;
            self.shared.send(Message::Named(*site, segment.clone(), meant, found));
        });
        stream::iter(finding).buffer_unordered(CONCURRENT).collect::<()>().await;
    }

    /// Finds the listed containers that match a pattern that asks for these engines, or may contain some that do, and were not known.
    async fn find_listed(&mut self, asked: &Qualifier, listing: &Listing, claims: &Claims) {
        let (mut new, mut wants) = (Vec::new(), HashMap::new());
        let mut come = BTreeSet::new();
        for listed in &listing.containers {
            let key = Key::of(listed, asked);
            // Its daemon has ended or begun meanwhile: it is known by its files where it was by its socket.
            if !matches!(claims, Claims::All) && !self.engines.contains(&listed.engine) {
                come.insert(listed.address().to_string());
                self.done.unclear.insert(key);
                continue;
            }
            let wanted = self.wants_of(listed, (asked, listing), claims);
            if wanted.is_empty() {
                continue;
            }
            if self.job.known.get(&key) == Some(&listed.tail()) {
                self.done.listed.insert(key, wanted);
            } else {
                new.push(listed.clone());
                wants.insert(key, wanted);
            }
        }
        let come = come.iter().map(|engine| Error::failed(format!("{engine} has come or gone meanwhile")));
        self.done.doubts.extend(come.map(|error| error.prefix(self.context())).collect::<Vec<_>>());
        let Some((_, _, progress)) = self.job.patterns.first().filter(|_| !new.is_empty()) else { return };
        self.batch.read_bundles(&self.job.path, &mut new).await;
        let frontier = Frontier::new(self.job.path.clone(), progress.clone());
        frontier.expect(new.into_iter().map(|listed| (listed, progress.clone())));
        let (mut given_up, mut doubts) = (Vec::new(), Vec::new());
        let mut finding = FuturesUnordered::new();
        loop {
            while finding.len() < AT_ONCE {
                match frontier.next(self.batch.timeout()) {
                    Ok(Some((listed, _))) => finding.push(self.find_one(listed)),
                    Ok(None) => break,
                    Err(error) => given_up.push(error),
                }
            }
            let Some((listed, found)) = finding.next().await else { break };
            let key = Key::of(&listed, asked);
            match found {
                Ok(hop) => {
                    let wants = wants.remove(&key).unwrap_or_default();
                    self.shared.send(Message::Found(self.job.site, key, listed.tail(), wants, hop));
                }
                // It has stopped since it was listed.
                Err(error) if error.status() == Status::No => {}
                Err(error) => {
                    frontier.has_failed(listed.endpoint);
                    doubts.push((key, error));
                }
            }
        }
        drop(finding);
        self.done.failures.extend(given_up);
        for (key, doubt) in doubts {
            self.done.unclear.insert(key);
            self.done.doubts.push(doubt);
        }
    }

    async fn find_one(&self, listed: ListedContainer) -> (ListedContainer, Result<Arc<Hop>>) {
        let path = [self.job.path.clone(), listed.tail()].concat();
        let found = self.batch.find_listed(&path, listed.clone()).await;
        (listed, found)
    }

    /// How far a listed container matches which pattern.
    fn wants_of(&self, listed: &ListedContainer, list: (&Qualifier, &Listing), claims: &Claims) -> Wants {
        let (asked, listing) = list;
        let asking = self.job.patterns.iter().filter(|(_, pattern, progress)| progress.asks(pattern) == *asked);
        let entered = asking.filter(|(query, _, _)| claims.include(*query, listed.engine));
        let progress = entered.map(|(query, pattern, progress)| {
            (*query, pattern, progress.advance(pattern, listed, &listing.containers))
        });
        let wanted = progress.filter(|(_, pattern, progress)| progress.is_fit(pattern) || progress.leads_on(pattern));
        wanted.map(|(query, _, progress)| (query, progress)).collect()
    }
}
