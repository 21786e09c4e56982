//! Where engines are looked for: in one container, or on our own machine. Which ones are there, and which of them are to be asked.

use std::sync::Arc;

use nicon_core::container::is_short_id;
use nicon_core::{Error, Namespace, Process, Result};
use nix::libc;
use tokio::time::timeout;

use crate::engine::activation;
use crate::engine::address::Address;
use crate::engine::api::connection::Connection;
use crate::engine::api::sockets::Sockets;
use crate::engine::bounds::Bounds;
use crate::engine::endpoint::Endpoint;
use crate::engine::pod::PodExtent;
use crate::engine::rootlesskit::Inside;
use crate::engine::settings::Settings;
use crate::engine::state::disk::Disk;
use crate::engine::state::store::{Extent, Store};
use crate::engine::users::{self, Others};
use crate::lookup::engines::Engines;
use crate::lookup::prefetch::connect_ahead;
use crate::proof::claim::{Claim, Verified};
use crate::proof::verify::Proof;
use crate::query::{Kind, Qualifier};
use crate::rootfs::blocking;
use crate::rootfs::root::Root;

/// Where engines are searched: inside a container, or on our own machine.
pub(crate) struct EngineSite<'a> {
    /// A process of the container; `None` for our own machine.
    pub(crate) container: Option<&'a Process>,
    pub(crate) engines: &'a Engines,
    /// The outermost PID namespace of which processes are accepted: the container's, or our own.
    pub(crate) pidns: Namespace,
    /// The sandbox of the pod of which alone the containers are meant.
    pub(crate) pod: Option<&'a Verified>,
    /// The bounds of the engines by which the container was found: what is in it cannot be trusted with more.
    pub(crate) bounds: Bounds,
    pub(crate) settings: &'a Settings,
}

impl EngineSite<'_> {
    /// The engines of the site itself that are to be asked, and our own if we are not root. If several know a name, it is
    /// ambiguous.
    ///
    /// # Errors
    /// If the root directory cannot be opened, or too many threads are blocked.
    pub(crate) async fn near(&self, asked: &Qualifier) -> Result<Vec<Arc<Endpoint>>> {
        Ok(self.chosen(asked, self.all_near(asked).await?))
    }

    /// The engines of all other users. They are asked for a name only if no nearer engine knows it: nobody can make a name of
    /// another's ambiguous, or take it.
    ///
    /// # Errors
    /// If they cannot be looked for.
    pub(crate) async fn others(&self, asked: &Qualifier) -> Result<Vec<Arc<Endpoint>>> {
        Ok(self.chosen(asked, &self.all_others().await?.endpoints))
    }

    /// Why there may be engines of users that were asked for, and are not among these `others`.
    ///
    /// # Errors
    /// As [`EngineSite::others`].
    pub(crate) async fn left_out(&self, asked: &Qualifier, others: &[Arc<Endpoint>]) -> Result<Option<Error>> {
        Ok(self.all_others().await?.left_out_of(asked, others))
    }

    async fn all_near(&self, asked: &Qualifier) -> Result<&Vec<Arc<Endpoint>>> {
        self.engines.near.get_or_try_init(|| self.look_near(asked)).await
    }

    async fn all_others(&self) -> Result<&Others> {
        let look = async || self.look_further(self.all_near(&Qualifier::default()).await?).await;
        self.engines.of_others.get_or_try_init(look).await
    }

    /// Which engines may be here, whoever asks, and those of others, if these can be looked for. What is found is kept only with
    /// [`EngineSite::keep`]: a machine has thousands of containers, and mostly there is none in them.
    ///
    /// # Errors
    /// As [`EngineSite::near`].
    pub(crate) async fn look_around(&self) -> Result<(Vec<Arc<Endpoint>>, Result<Others>)> {
        let near = match self.engines.near.get() {
            Some(near) => near.clone(),
            None => self.look_near(&Qualifier::default()).await?,
        };
        let others = match self.engines.of_others.get() {
            Some(others) => Ok(others.clone()),
            None => self.look_further(&near).await,
        };
        Ok((near, others))
    }

    /// Keeps what [`EngineSite::look_around`] found.
    pub(crate) fn keep(&self, near: Vec<Arc<Endpoint>>, others: Others) {
        // Whoever was first has kept the same.
        let _ = (self.engines.near.set(near), self.engines.of_others.set(others));
    }

    async fn look_near(&self, asked: &Qualifier) -> Result<Vec<Arc<Endpoint>>> {
        let root = Arc::new(Root::of(self.container, &self.engines.threads)?);
        let mut endpoints = Endpoint::usual(&root, self.sockets());
        if self.container.is_none() && !self.settings.is_root {
            endpoints.extend(users::own(&root).await?);
        } else if let Some(container) = self.container {
            connect_ahead(&root, container, &self.chosen(asked, &endpoints), self.settings).await?;
        }
        Ok(endpoints)
    }

    async fn look_further(&self, near: &[Arc<Endpoint>]) -> Result<Others> {
        // Users can put anything into their directories, on our own machine, too.
        let root = match (self.container, near) {
            (Some(_), [first, ..]) => Arc::clone(&first.root),
            _ => Arc::new(Root::untrusted()?),
        };
        // Their directories may be file systems that never answer.
        let most = self.settings.timeout / 4;
        let late = |_| Err(Error::failed(format!("no answer (waited {} s)", most.as_secs_f64())));
        let found = timeout(most, users::others(&root, self.container.is_none())).await.unwrap_or_else(late);
        let looking = |error: Error| error.prefix(format!("look for engines of users in {}", users::RUNTIME));
        let found = found.map_err(looking)?;
        Ok(Others { left_out: found.left_out.map(looking), ..found })
    }

    /// The engine that usually is there, whether it is asked without a prefix or not.
    ///
    /// # Errors
    /// If engines cannot be looked for.
    pub(crate) async fn at(&self, address: &Address) -> Result<Option<Arc<Endpoint>>> {
        let is_there = |endpoint: &&Arc<Endpoint>| endpoint.address == *address;
        if let Some(near) = self.all_near(&Qualifier::default()).await?.iter().find(is_there) {
            return Ok(Some(Arc::clone(near)));
        }
        Ok(self.all_others().await?.endpoints.iter().find(is_there).cloned())
    }

    /// Whether an engine is near: see [`EngineSite::near`].
    pub(crate) fn is_near(&self, address: &Address) -> bool {
        let near = self.engines.near.get().into_iter().flatten();
        near.into_iter().any(|endpoint| endpoint.address == *address)
    }

    /// Those that are to be asked.
    pub(crate) fn chosen(&self, asked: &Qualifier, endpoints: &[Arc<Endpoint>]) -> Vec<Arc<Endpoint>> {
        endpoints.iter().filter(|endpoint| self.is_asked(&endpoint.address, asked)).cloned().collect()
    }

    /// Whether an engine is to be asked: whether the path, the options, and the caller's settings leave it.
    pub(crate) fn is_asked(&self, address: &Address, asked: &Qualifier) -> bool {
        if let Some(Verified { engine, .. }) = self.pod {
            return *address == Address { namespace: None, ..engine.clone() } && address.is_of(asked);
        }
        let engine = asked.engine.or(self.settings.engine);
        let asked = Qualifier { engine, namespace: None, ..asked.clone() };
        let Address { kind, owner, .. } = address;
        // Who chose one engine means no other.
        let is_replaced = owner.is_some() && self.sockets().chosen(*kind).is_some();
        let is_unnamed = engine.is_none() && !asked.is_pod;
        let is_passed_over = is_unnamed && *kind != Kind::Docker && self.sockets().chosen(Kind::Docker).is_some();
        address.is_of(&asked) && (asked.user.is_some() || !is_replaced && !is_passed_over)
    }

    /// What is wanted of engines' files. Those of engines on top are left to these, unless a kind is asked for.
    pub(crate) fn extent_of(&self, asked: &Qualifier) -> Extent {
        let pods = match self.pod {
            Some(pod) => PodExtent::Within(pod.container.id.clone()),
            None if asked.is_pod => PodExtent::Pods(asked.clone()),
            None => PodExtent::All,
        };
        let all = asked.engine.or(self.settings.engine).is_some();
        let namespace = asked.namespace.clone().filter(|_| !asked.is_pod);
        Extent { all, namespace, pods, ..Extent::default() }
    }

    /// What is wanted of engines' files to find a name there. What Docker keeps in containerd's has none but IDs.
    pub(crate) fn extent_for(&self, of: &Qualifier, name: &str) -> Extent {
        let extent = self.extent_of(of);
        Extent { all: extent.all || is_short_id(name), ..extent }
    }

    /// Where sockets may be here.
    pub(crate) fn sockets(&self) -> &Sockets {
        if self.container.is_some() { &self.settings.inside } else { &self.settings.own }
    }

    /// The files of this engine; `None` if there are none, or the user chose a socket instead.
    ///
    /// # Errors
    /// If they cannot be accessed.
    pub(crate) async fn on_disk<'r>(&self, endpoint: &'r Endpoint, wanted: &Extent) -> Result<Option<Disk<'r>>> {
        let Some(store) = &endpoint.store else { return Ok(None) };
        let Some(hidden) = &endpoint.hidden else {
            return self.disk_of(store, &endpoint.address, &endpoint.root, &endpoint.bounds, wanted).await;
        };
        let inside = hidden.look_behind(&endpoint.root, &endpoint.bounds, &self.pidns, self.settings.method);
        let Some(Inside { root, pidns, bounds }) = inside.await? else { return Ok(None) };
        let bounds = endpoint.bounds.and(bounds);
        let mut disk = self.disk_of(store, &endpoint.address, root, &bounds, wanted).await?;
        if let Some(disk) = &mut disk {
            disk.pidns = pidns.clone();
        }
        Ok(disk)
    }

    /// The files of an engine below a root directory, as far as they are wanted; `None` if there are none.
    ///
    /// # Errors
    /// If they cannot be accessed.
    pub(crate) async fn disk_of<'r>(
        &self,
        store: &Store,
        engine: &Address,
        root: &'r Root,
        bounds: &Bounds,
        wanted: &Extent,
    ) -> Result<Option<Disk<'r>>> {
        let store = store.wanted(wanted);
        if store.settings().iter().chain(&store.dirs()).all(|path| root.is_known_absent(path)) {
            return Ok(None);
        }
        let bounds = self.bounds.and(bounds);
        let bounds = match self.container {
            Some(container) => bounds.and(&Bounds::of_files(container)?),
            None => bounds,
        };
        Disk::of(engine, &store, root, self.pidns.clone(), bounds).await
    }

    /// Whether to connect to this engine would be to start it.
    pub(crate) async fn is_asleep(&self, endpoint: &Endpoint) -> bool {
        activation::is_asleep(endpoint, self.container, self.settings).await
    }

    /// Asks an engine through its socket, if there is one: see [`Pool::ask`](crate::engine::api::pool::Pool::ask). One that has ended
    /// meanwhile is not started again for that.
    ///
    /// # Errors
    /// If it cannot be reached, or those of the question.
    pub(crate) async fn ask<T>(
        &self,
        endpoint: &Endpoint,
        question: impl AsyncFn(&Connection) -> Result<T>,
    ) -> Result<Option<T>> {
        let is_held = activation::is_held(endpoint, self.container, self.settings);
        endpoint.pool.ask(&endpoint.root, &endpoint.sockets, question, async || !is_held.await).await
    }

    /// Does `work` that may block forever on a thread: one of a container's own, if it is a container.
    ///
    /// # Errors
    /// As [`blocking::ask_one`].
    pub(crate) async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match self.container {
            Some(_) => blocking::ask_one(&self.engines.threads, work).await,
            None => blocking::ask(work).await,
        }
    }

    /// Proves that a claimed process is the container's: see [`Claim::prove`].
    ///
    /// # Errors
    /// If it is not, or that is unknown.
    pub(crate) async fn prove(&self, name: &str, claim: &Claim) -> Result<(Process, Proof)> {
        claim.prove(name, self.pidns.id(), self.settings).await
    }

    /// Whether a failure means that we may not ask an engine, since it is another user's.
    pub(crate) fn is_denied(&self, error: &Error) -> bool {
        !self.settings.is_root && matches!(error.errno(), Some(libc::EACCES | libc::EPERM))
    }
}
