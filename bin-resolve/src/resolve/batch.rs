//! Finds many paths at once: each shared prefix is found once, each engine's list is read once, and siblings are found
//! concurrently.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use nicon_core::path::show;
use nicon_core::{NsId, Result};

use crate::engine::address::Address;
use crate::engine::api::pool::AT_ONCE;
use crate::engine::container::Filter;
use crate::engine::endpoint::Endpoint;
use crate::engine::settings::Settings;
use crate::engine::state::monitors::Monitors;
use crate::lookup::bundle::read_bundles;
use crate::lookup::engines::Engines;
use crate::lookup::find_listed::find_listed;
use crate::lookup::list::list;
use crate::lookup::listing::{ListedContainer, Listing};
use crate::lookup::present::{Presence, PresentEngine, look};
use crate::lookup::spots;
use crate::query::Qualifier;
use crate::query::path::Path;
use crate::resolve::hop::{Hop, Sharing, site};
use crate::rootfs::changes::Survey;
use crate::rootfs::directory::FileId;

type Asking<T> = Shared<LocalBoxFuture<'static, Result<T>>>;
type Known<K, T> = RefCell<HashMap<K, Asking<T>>>;

/// The paths of one batch. Results are kept for the batch only, since containers come and go.
pub(crate) struct Batch {
    host: Arc<Host>,
    found: Known<Path, Arc<Hop>>,
    listed: Known<(Path, Qualifier), Rc<Listing>>,
}

/// Our own machine, from which every path starts.
struct Host {
    settings: Arc<Settings>,
    /// Our own engines; a [`Hop`] has those inside it.
    own: Engines,
}

/// An engine that is in a container.
#[derive(Clone, Copy)]
pub(crate) struct Inner {
    pub(crate) engine: FileId,
    pub(crate) sharing: Sharing,
}

impl Batch {
    /// Begins a batch.
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self::with(settings, Monitors::default())
    }

    fn with(settings: Arc<Settings>, monitors: Monitors) -> Self {
        let host = Arc::new(Host { settings, own: Engines::new(monitors) });
        Self { host, found: RefCell::default(), listed: RefCell::default() }
    }

    /// Begins a batch that looks into the container at `path`, which is known, or at our own machine, as if for the first time. The
    /// monitors may be known.
    pub(crate) fn within(settings: Arc<Settings>, path: &[String], hop: Option<&Hop>, monitors: Monitors) -> Self {
        let batch = Self::with(settings, monitors);
        if let Some(hop) = hop {
            let hop = Arc::new(hop.afresh(&batch.host.own));
            batch.found.borrow_mut().insert(path.to_vec(), async move { Ok(hop) }.boxed_local().shared());
        }
        batch
    }

    /// Our own PID namespace, or the one that we were told to look from.
    pub(crate) fn own_pidns(&self) -> NsId {
        self.host.settings.pidns.id()
    }

    /// The longest that one hop may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.host.settings.timeout
    }

    /// Watches where something changes in the container at `path`, or on our own machine, when containers or engines come and go.
    /// Returns the engines asked for that may listen.
    ///
    /// # Errors
    /// As [`spots::survey`].
    pub(crate) async fn survey(
        &self,
        path: &[String],
        asked: &Qualifier,
        survey: &mut Survey<'_>,
    ) -> Result<Vec<Arc<Endpoint>>> {
        let container = self.container(path).await?;
        let site = site(&self.host.settings, container.as_deref(), &self.host.own)?;
        spots::survey(&site, asked, survey).await
    }

    /// Watches where engines there were found to keep their files besides the usual places.
    ///
    /// # Errors
    /// If the container is gone.
    pub(crate) async fn survey_unusual(&self, path: &[String], survey: &mut Survey<'_>) -> Result<()> {
        let container = self.container(path).await?;
        let site = site(&self.host.settings, container.as_deref(), &self.host.own)?;
        spots::survey_unusual(&site, survey).await;
        Ok(())
    }

    /// Finds the container at `path`.
    pub(crate) fn find(&self, path: &[String]) -> Asking<Arc<Hop>> {
        self.find_once(path, None)
    }

    /// Finds a container that was listed, at `path`.
    pub(crate) fn find_listed(&self, path: &[String], listed: ListedContainer) -> Asking<Arc<Hop>> {
        if let Some(pod) = &listed.within {
            // Otherwise it would be looked up by its name.
            drop(self.find_once(&path[..path.len() - 1], Some(ListedContainer::clone(pod))));
        }
        self.find_once(path, Some(listed))
    }

    fn find_once(&self, path: &[String], listed: Option<ListedContainer>) -> Asking<Arc<Hop>> {
        once(&self.found, &path.to_vec(), || {
            let (name, outer) = path.split_last().expect("a path has a segment");
            let inside = if outer.is_empty() { String::new() } else { format!(" in {}", show(outer)) };
            let (host, outer) = (Arc::clone(&self.host), self.container(outer));
            let (name, number) = (name.clone(), path.len());
            async move {
                let outer = outer.await?;
                let find = Hop::find(outer, &host.own, &name, listed.as_ref(), &host.settings);
                let hop = host.settings.in_time(find).await;
                hop.map(Arc::new).map_err(|error| error.prefix(format!("hop {number} ({name}{inside})")))
            }
        })
    }

    /// Lists the running containers inside the one at `path`, or our own if it is empty, of the engines `asked` for.
    pub(crate) fn list(&self, path: &[String], asked: &Qualifier) -> Asking<Rc<Listing>> {
        once(&self.listed, &(path.to_vec(), asked.clone()), || {
            let (container, host, asked) = (self.container(path), Arc::clone(&self.host), asked.clone());
            async move {
                let container = container.await?;
                let site = site(&host.settings, container.as_deref(), &host.own)?;
                list(&site, &asked, Filter::Running).await.map(Rc::new)
            }
        })
    }

    /// Reads the bundles of `containers`, containers inside the one at `path`, if there are more than the engine is asked
    /// for at once.
    pub(crate) async fn read_bundles(&self, path: &[String], containers: &mut [ListedContainer]) {
        let Ok(container) = self.container(path).await else { return };
        let Ok(site) = site(&self.host.settings, container.as_deref(), &self.host.own) else { return };
        let mut endpoints: Vec<Address> = Vec::new();
        for listed in containers.iter().filter(|listed| listed.bundle.is_none()) {
            if !endpoints.contains(&listed.endpoint) {
                endpoints.push(listed.endpoint.clone());
            }
        }
        for endpoint in endpoints {
            let here: Vec<_> = containers.iter_mut().filter(|listed| listed.endpoint == endpoint).collect();
            if here.len() <= AT_ONCE {
                continue;
            }
            let ids = here.iter().map(|listed| listed.id.clone()).collect();
            let reading = async { read_bundles(find_listed(&site, here[0]).await?, ids, site.settings).await };
            // A failure of the engine is reported when it is asked.
            let Ok(mut bundles) = site.settings.in_time(reading).await else { continue };
            for listed in here {
                listed.bundle = bundles.remove(&listed.id);
            }
        }
    }

    /// Those engines in the container at `path`, or our own if it is empty, that are `asked` for. They are not asked anything yet,
    /// so that they cannot delay us.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) if there is none, as in most containers.
    pub(crate) async fn look_inside(&self, path: &[String], asked: &Qualifier) -> Result<Vec<Inner>> {
        Ok(self.look_all_inside(path, asked).await?.0)
    }

    /// The same, and whether there are no others for sure.
    ///
    /// # Errors
    /// As [`Batch::look_inside`].
    pub(crate) async fn look_all_inside(&self, path: &[String], asked: &Qualifier) -> Result<(Vec<Inner>, bool)> {
        let container = self.container(path).await?;
        let site = site(&self.host.settings, container.as_deref(), &self.host.own)?;
        let (present, are_all) = site.settings.in_time(look(&site, asked)).await?;
        let inner = |PresentEngine { file, by }| {
            let sharing = match (&container, by) {
                (None, _) => Sharing::Host,
                (Some(container), Presence::Socket(Some((daemon, pidns)))) => container.shares(daemon, pidns)?,
                (Some(_), Presence::Socket(None)) => Sharing::Other,
                (Some(_), Presence::Files) => Sharing::Dind,
            };
            Ok(Inner { engine: file, sharing })
        };
        let inside = present.into_iter().map(inner).collect::<Result<_>>();
        inside.map(|inside| (inside, are_all))
    }

    /// The container at `path`; `None` if it is empty.
    fn container(&self, path: &[String]) -> impl Future<Output = Result<Option<Arc<Hop>>>> + 'static {
        let finding = (!path.is_empty()).then(|| self.find(path));
        async move {
            match finding {
                Some(finding) => finding.await.map(Some),
                None => Ok(None),
            }
        }
    }
}

/// The entry of `known` for `key`, which is begun if there is none.
fn once<K: Clone + Eq + Hash, T: Clone + 'static, F: Future<Output = Result<T>> + 'static>(
    known: &Known<K, T>,
    key: &K,
    begin: impl FnOnce() -> F,
) -> Asking<T> {
    if let Some(asking) = known.borrow().get(key) {
        return asking.clone();
    }
    let asking = begin().boxed_local().shared();
    known.borrow_mut().insert(key.clone(), asking.clone());
    asking
}
