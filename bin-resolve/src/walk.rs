//! Many paths at once: each prefix that they share is found once, each engine's list is read once, and siblings are found
//! concurrently.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use nicon_core::{Error, Result};

use crate::hop::{Hop, Settings, Sharing};
use crate::listing::{Listed, State};
use crate::name;
use crate::reach::{Connection, Reach};
use crate::socket::FileId;

type Asking<T> = Shared<LocalBoxFuture<'static, Result<T>>>;
pub(crate) type Finding = Asking<Arc<Hop>>;

/// The paths of one batch. What was found is remembered for the batch only: containers come and go.
pub(crate) struct Walk {
    ways: Arc<Ways>,
    found: RefCell<HashMap<name::Path, Finding>>,
    listed: RefCell<HashMap<name::Path, Asking<Rc<[Listed]>>>>,
}

/// What an engine is asked with.
struct Ways {
    settings: Arc<Settings>,
    timeout: Duration,
    /// The way to our own engine; those inside of containers are with these.
    own: Reach,
}

/// The engine that a container's socket leads to.
#[derive(Clone, Copy)]
pub(crate) struct Inner {
    pub(crate) socket: FileId,
    pub(crate) sharing: Sharing,
}

impl Walk {
    /// Begins a batch; each hop may take as long as `timeout`.
    pub(crate) fn new(settings: Arc<Settings>, timeout: Duration) -> Self {
        let ways = Arc::new(Ways { settings, timeout, own: Reach::new() });
        Self { ways, found: RefCell::default(), listed: RefCell::default() }
    }

    /// The longest that one hop may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.ways.timeout
    }

    /// Finds the container at `path`.
    pub(crate) fn find(&self, path: &[String]) -> Finding {
        once(&self.found, path, || {
            let (name, outer) = path.split_last().expect("a path has a segment");
            let place = if outer.is_empty() { String::new() } else { format!(" in {}", name::show(outer)) };
            let (ways, outer) = (Arc::clone(&self.ways), self.container(outer));
            let (name, number) = (name.clone(), path.len());
            async move {
                let outer = outer.await?;
                let find = async |connection: &_| Hop::find(connection, outer.clone(), &name, &ways.settings).await;
                let hop = ways.ask(outer.as_deref(), find).await;
                hop.map(Arc::new).map_err(|error| error.within(format!("hop {number} ({name}{place})")))
            }
        })
    }

    /// Lists the running containers inside of the one at `path`, or, for an empty one, our own engine's; by name.
    pub(crate) fn list(&self, path: &[String]) -> Asking<Rc<[Listed]>> {
        once(&self.listed, path, || {
            let (container, ways) = (self.container(path), Arc::clone(&self.ways));
            async move {
                let container = container.await?;
                let list = async |connection: &Connection| connection.engine.list(State::Running).await;
                let mut list = ways.ask(container.as_deref(), list).await?;
                list.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(list.into())
            }
        })
    }

    /// Which engine the socket in the container at `path` leads to, or, for an empty one, our own. It is not asked
    /// anything, so that it cannot keep us waiting.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) where there is no socket, as in most containers.
    pub(crate) async fn look_inside(&self, path: &[String]) -> Result<Inner> {
        let container = self.container(path).await?;
        let look = async |connection: &Connection| {
            let sharing = container.as_ref().map_or(Ok(Sharing::Host), |container| container.shares(connection))?;
            Ok(Inner { socket: connection.file, sharing })
        };
        self.ways.ask(container.as_deref(), look).await
    }

    /// The container at `path`; none for an empty one.
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

impl Ways {
    async fn ask<T>(&self, outer: Option<&Hop>, question: impl AsyncFn(&Connection) -> Result<T>) -> Result<T> {
        let (reach, places) = match outer {
            Some(hop) => (&hop.inside, &self.settings.inside),
            None => (&self.own, &self.settings.own),
        };
        let asking = reach.ask(outer.map(|hop| &hop.process), places, question);
        let late = || Error::failed(format!("the engine does not answer (waited {} s)", self.timeout.as_secs_f64()));
        tokio::time::timeout(self.timeout, asking).await.unwrap_or_else(|_| Err(late()))
    }
}

/// What `known` has for `path`, or begins to find it.
fn once<T: Clone + 'static, F: Future<Output = Result<T>> + 'static>(
    known: &RefCell<HashMap<name::Path, Asking<T>>>,
    path: &[String],
    begin: impl FnOnce() -> F,
) -> Asking<T> {
    if let Some(asking) = known.borrow().get(path) {
        return asking.clone();
    }
    let asking = begin().boxed_local().shared();
    known.borrow_mut().insert(path.to_vec(), asking.clone());
    asking
}
