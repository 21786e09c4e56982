//! Which engine is searched through which site, for each pattern: once, however many containers share its socket.

use std::collections::{BTreeMap, HashMap};

use nicon_core::Result;

use crate::resolve::batch::Inner;
use crate::resolve::hop::Sharing;
use crate::resolve::watch::message::{Claims, QueryId, SiteId};
use crate::rootfs::directory::FileId;

#[derive(Default)]
pub(super) struct Registry {
    sites: HashMap<(QueryId, FileId), SiteId>,
    /// What sites have wanted and did not get, since another one has it.
    wanted: BTreeMap<SiteId, Vec<(QueryId, FileId)>>,
}

impl Registry {
    /// Whether a site has nothing but the sockets of engines that run elsewhere and that nobody searches yet: they may have better
    /// names there.
    pub(super) fn is_better_searched_elsewhere(&self, site: SiteId, queries: &[QueryId], inside: &[Inner]) -> bool {
        let is_new = |inner: &&Inner| {
            queries.iter().any(|query| self.sites.get(&(*query, inner.engine)).is_none_or(|by| *by == site))
                && !queries.iter().any(|query| self.sites.get(&(*query, inner.engine)) == Some(&site))
        };
        let mut new = inside.iter().filter(is_new).peekable();
        new.peek().is_some() && new.all(|inner| inner.sharing != Sharing::Dind)
    }

    /// Gives a site those of its engines that no other one searches. Also tells one that another does.
    pub(super) fn claim(
        &mut self,
        site: SiteId,
        queries: &[QueryId],
        inside: &Result<Vec<Inner>>,
    ) -> (Claims, Option<SiteId>) {
        self.wanted.remove(&site);
        let Ok(inside) = inside else { return (Claims::None, None) };
        let (mut claimed, mut known, mut refused) = (Vec::new(), None, Vec::new());
        for query in queries {
            for inner in inside {
                let engine = (*query, inner.engine);
                let by = *self.sites.entry(engine).or_insert(site);
                if by == site {
                    claimed.push(engine);
                } else {
                    known = known.or(Some(by));
                    refused.push(engine);
                }
            }
        }
        if !refused.is_empty() {
            self.wanted.insert(site, refused);
        }
        let claims = if claimed.is_empty() { Claims::None } else { Claims::Some(claimed.into_iter().collect()) };
        (claims, known)
    }

    /// Some of what a site searched is not there any more. Returns those that may search it now.
    pub(super) fn keep_only(&mut self, site: SiteId, inside: &[Inner]) -> Vec<SiteId> {
        self.free(site, |engine| inside.iter().all(|inner| inner.engine != engine))
    }

    /// A site is no more. Returns those that may search its engines now.
    pub(super) fn leave(&mut self, site: SiteId) -> Vec<SiteId> {
        self.wanted.remove(&site);
        self.free(site, |_| true)
    }

    fn free(&mut self, site: SiteId, is_free: impl Fn(FileId) -> bool) -> Vec<SiteId> {
        let is_freed = |(_, engine): &(QueryId, FileId), by: &mut SiteId| *by == site && is_free(*engine);
        let freed: Vec<_> = self.sites.extract_if(is_freed).map(|(engine, _)| engine).collect();
        let wants = |(_, engines): &(&SiteId, &Vec<_>)| engines.iter().any(|engine| freed.contains(engine));
        self.wanted.iter().filter(wants).map(|(site, _)| *site).collect()
    }

    /// Nobody asks a query any more.
    pub(super) fn forget(&mut self, query: QueryId) {
        self.sites.retain(|(of, _), _| *of != query);
        self.wanted.values_mut().for_each(|engines| engines.retain(|(of, _)| *of != query));
    }
}
