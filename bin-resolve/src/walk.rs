//! Many paths at once: each prefix that they share is found once, each engine's list is read once, and siblings are found
//! concurrently.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use nicon_core::Result;

use crate::aside;
use crate::ground::Reaches;
use crate::hop::{Hop, Settings, Sharing};
use crate::kind::Kind;
use crate::listing::State;
use crate::name;
use crate::reach::AT_ONCE;
use crate::root::FileId;
use crate::roster::{Member, Present, Roster};

type Asking<T> = Shared<LocalBoxFuture<'static, Result<T>>>;
pub(crate) type Finding = Asking<Arc<Hop>>;

/// The paths of one batch. What was found is remembered for the batch only: containers come and go.
pub(crate) struct Walk {
    ways: Arc<Ways>,
    found: RefCell<HashMap<name::Path, Finding>>,
    listed: RefCell<HashMap<name::Path, Asking<Rc<Roster>>>>,
}

/// What engines are asked with.
struct Ways {
    settings: Arc<Settings>,
    /// The ways to our own engines; those inside of containers are with these.
    own: Reaches,
}

/// An engine that is in a container.
#[derive(Clone, Copy)]
pub(crate) struct Inner {
    pub(crate) engine: FileId,
    pub(crate) sharing: Sharing,
}

impl Walk {
    /// Begins a batch.
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let ways = Arc::new(Ways { settings, own: Reaches::new() });
        Self { ways, found: RefCell::default(), listed: RefCell::default() }
    }

    /// The longest that one hop may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.ways.settings.timeout
    }

    /// Finds the container at `path`.
    pub(crate) fn find(&self, path: &[String]) -> Finding {
        self.find_once(path, None)
    }

    /// Finds a container that was listed, to which `path` leads.
    pub(crate) fn find_listed(&self, path: &[String], member: Member) -> Finding {
        self.find_once(path, Some(member))
    }

    fn find_once(&self, path: &[String], listed: Option<Member>) -> Finding {
        once(&self.found, path, || {
            let (name, outer) = path.split_last().expect("a path has a segment");
            let place = if outer.is_empty() { String::new() } else { format!(" in {}", name::show(outer)) };
            let (ways, outer) = (Arc::clone(&self.ways), self.container(outer));
            let (name, number) = (name.clone(), path.len());
            if number > 1 {
                aside::prepare();
            }
            async move {
                let outer = outer.await?;
                let finding = Hop::find(outer, &ways.own, &name, listed.as_ref(), &ways.settings);
                let hop = tokio::time::timeout(ways.settings.timeout, finding).await;
                let hop = hop.unwrap_or_else(|_| Err(ways.settings.late()));
                hop.map(Arc::new).map_err(|error| error.within(format!("hop {number} ({name}{place})")))
            }
        })
    }

    /// Lists the running containers inside of the one at `path`, or, for an empty one, our own.
    pub(crate) fn list(&self, path: &[String]) -> Asking<Rc<Roster>> {
        once(&self.listed, path, || {
            let (container, ways) = (self.container(path), Arc::clone(&self.ways));
            async move {
                let container = container.await?;
                let ground = ways.settings.ground(container.as_deref(), &ways.own)?;
                ground.list(None, State::Running).await.map(Rc::new)
            }
        })
    }

    /// Reads the bundles of `members`, containers inside of the one at `path`, where their engines keep any and there are more
    /// than can be asked for at once.
    pub(crate) async fn read_bundles(&self, path: &[String], members: &mut [Member]) {
        let Ok(container) = self.container(path).await else { return };
        let Ok(ground) = self.ways.settings.ground(container.as_deref(), &self.ways.own) else { return };
        for kind in Kind::ALL {
            let of_kind: Vec<_> = members.iter_mut().filter(|member| member.place == kind).collect();
            if of_kind.len() <= AT_ONCE {
                continue;
            }
            let ids = of_kind.iter().map(|member| member.id.clone()).collect();
            let reading = tokio::time::timeout(self.timeout(), ground.read_bundles(of_kind[0], ids));
            // What is wrong with the engine shows when it is asked.
            let Ok(Ok(mut bundles)) = reading.await else { continue };
            for member in of_kind {
                member.bundle = bundles.remove(&member.id);
            }
        }
    }

    /// Which engines are in the container at `path`, or, for an empty one, which are our own. They are not asked anything,
    /// so that they cannot keep us waiting.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) where there is none, as in most containers.
    pub(crate) async fn look_inside(&self, path: &[String]) -> Result<Vec<Inner>> {
        let container = self.container(path).await?;
        let ground = self.ways.settings.ground(container.as_deref(), &self.ways.own)?;
        let present = tokio::time::timeout(self.timeout(), ground.look()).await;
        let present = present.unwrap_or_else(|_| Err(self.ways.settings.late()))?;
        let inner = |present| match (present, &container) {
            (Present::Socket { file, .. } | Present::Files(file), None) => {
                Ok(Inner { engine: file, sharing: Sharing::Host })
            }
            (Present::Socket { file, daemon: Some((daemon, pidns)) }, Some(container)) => {
                Ok(Inner { engine: file, sharing: container.shares(daemon, pidns)? })
            }
            (Present::Socket { file, daemon: None }, Some(_)) => Ok(Inner { engine: file, sharing: Sharing::Other }),
            (Present::Files(file), Some(_)) => Ok(Inner { engine: file, sharing: Sharing::Dind }),
        };
        present.into_iter().map(inner).collect()
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
