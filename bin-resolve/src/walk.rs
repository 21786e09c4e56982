//! Finds many paths at once: each shared prefix is found once, each engine's list is read once, and siblings are found
//! concurrently.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, LocalBoxFuture, Shared, select};
use nicon_core::Result;

use crate::address::Address;
use crate::aside;
use crate::hop::{Hop, Settings, Sharing};
use crate::kind::Qualifier;
use crate::listing::State;
use crate::monitors::Monitors;
use crate::name;
use crate::pool::AT_ONCE;
use crate::present::Present;
use crate::root::FileId;
use crate::roster::{Member, Roster};
use crate::scope::Engines;

type Asking<T> = Shared<LocalBoxFuture<'static, Result<T>>>;
pub(crate) type Finding = Asking<Arc<Hop>>;
type Known<K, T> = RefCell<HashMap<K, Asking<T>>>;

/// The paths of one batch. Results are kept for the batch only, since containers come and go.
pub(crate) struct Walk {
    context: Arc<Context>,
    found: Known<name::Path, Arc<Hop>>,
    listed: Known<(name::Path, Qualifier), Rc<Roster>>,
}

/// What every search needs.
struct Context {
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

impl Walk {
    /// Begins a batch.
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let context = Arc::new(Context { settings, own: Engines::new(Monitors::default()) });
        Self { context, found: RefCell::default(), listed: RefCell::default() }
    }

    /// The longest that one hop may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.context.settings.timeout
    }

    /// Finds the container at `path`.
    pub(crate) fn find(&self, path: &[String]) -> Finding {
        self.find_once(path, None)
    }

    /// Finds a container that was listed, at `path`.
    pub(crate) fn find_listed(&self, path: &[String], member: Member) -> Finding {
        self.find_once(path, Some(member))
    }

    fn find_once(&self, path: &[String], listed: Option<Member>) -> Finding {
        once(&self.found, &path.to_vec(), || {
            let (name, outer) = path.split_last().expect("a path has a segment");
            let place = if outer.is_empty() { String::new() } else { format!(" in {}", name::show(outer)) };
            let (context, outer) = (Arc::clone(&self.context), self.container(outer));
            let (name, number) = (name.clone(), path.len());
            async move {
                // What is inside a container needs a thread. There is time to start it while our own engine is asked.
                let ready = async {
                    if number == 2 {
                        context.own.asked().await;
                        aside::prepare();
                    }
                    std::future::pending().await
                };
                let (Either::Left((outer, _)) | Either::Right((outer, _))) = select(pin!(outer), pin!(ready)).await;
                let outer = outer?;
                let finding = Hop::find(outer, &context.own, &name, listed.as_ref(), &context.settings);
                let hop = tokio::time::timeout(context.settings.timeout, finding).await;
                let hop = hop.unwrap_or_else(|_| Err(context.settings.timed_out()));
                hop.map(Arc::new).map_err(|error| error.prefix(format!("hop {number} ({name}{place})")))
            }
        })
    }

    /// Lists the running containers inside the one at `path`, or our own if it is empty, of the engines `asked` for.
    pub(crate) fn list(&self, path: &[String], asked: &Qualifier) -> Asking<Rc<Roster>> {
        once(&self.listed, &(path.to_vec(), asked.clone()), || {
            let (container, context, asked) = (self.container(path), Arc::clone(&self.context), asked.clone());
            async move {
                let container = container.await?;
                let scope = context.settings.scope(container.as_deref(), &context.own)?;
                scope.list(&asked, State::Running).await.map(Rc::new)
            }
        })
    }

    /// Reads the bundles of `members`, containers inside the one at `path`, if there are more than the engine is asked
    /// for at once.
    pub(crate) async fn read_bundles(&self, path: &[String], members: &mut [Member]) {
        let Ok(container) = self.container(path).await else { return };
        let Ok(scope) = self.context.settings.scope(container.as_deref(), &self.context.own) else { return };
        let mut places: Vec<Address> = Vec::new();
        for member in members.iter().filter(|member| member.bundle.is_none()) {
            if !places.contains(&member.place) {
                places.push(member.place.clone());
            }
        }
        for place in places {
            let here: Vec<_> = members.iter_mut().filter(|member| member.place == place).collect();
            if here.len() <= AT_ONCE {
                continue;
            }
            let ids = here.iter().map(|member| member.id.clone()).collect();
            let reading = tokio::time::timeout(self.timeout(), scope.read_bundles(here[0], ids));
            // A failure of the engine is reported when it is asked.
            let Ok(Ok(mut bundles)) = reading.await else { continue };
            for member in here {
                member.bundle = bundles.remove(&member.id);
            }
        }
    }

    /// Those engines in the container at `path`, or our own if it is empty, that are `asked` for. They are not asked anything yet,
    /// so that they cannot delay us.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) if there is none, as in most containers.
    pub(crate) async fn look_inside(&self, path: &[String], asked: &Qualifier) -> Result<Vec<Inner>> {
        let container = self.container(path).await?;
        let scope = self.context.settings.scope(container.as_deref(), &self.context.own)?;
        let present = tokio::time::timeout(self.timeout(), scope.look(asked)).await;
        let present = present.unwrap_or_else(|_| Err(self.context.settings.timed_out()))?;
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
