//! Queries and their answers: one for a path, any number for a pattern.

use std::cell::RefCell;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use nicon_core::pidns::Method;
use nicon_core::{Context, Error, Namespace, Result};
use nix::sys::stat::stat;
use nix::unistd::geteuid;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use crate::engine::api::sockets::Sockets;
use crate::engine::daemons::Daemons;
use crate::engine::settings::Settings;
use crate::query::Kind;
use crate::query::parse::{Query, Target};
use crate::query::path::Path;
use crate::query::thing::Thing;
use crate::resolve::batch::Batch;
use crate::resolve::belonging;
use crate::resolve::hit::Hit;
use crate::resolve::in_order::InOrder;
use crate::resolve::scan::search;
use crate::resolve::watch::{Inputs, Observer, Order, watch};

/// How many paths are resolved at once.
const CONCURRENT: usize = 32;

/// How to look for containers.
pub struct Options {
    /// The only kind of engine to ask; `None` for all that are present.
    pub engine: Option<Kind>,
    /// Where engines' sockets may be inside containers, besides the usual places.
    pub sockets: Vec<PathBuf>,
    /// How long one hop may take.
    pub timeout: Duration,
    /// Whether an engine that systemd would start for whoever asks may be started so.
    pub starts_engines: bool,
    /// How to translate PIDs.
    pub method: Method,
    /// Whether to look up the labels of containers.
    pub labels: bool,
    /// Who is told of each step: what is looked up, and what was done. Texts of engines are in it as they are.
    pub log: Option<fn(&str, &str)>,
}

impl Default for Options {
    /// All engines, at the usual places, with 5 s for a hop.
    fn default() -> Self {
        let (sockets, timeout, method) = (Vec::new(), Duration::from_secs(5), Method::Auto);
        Self { engine: None, sockets, timeout, starts_engines: true, method, labels: false, log: None }
    }
}

/// Finds containers and their processes. Its methods block; it has an event loop of its own.
pub struct Resolver {
    settings: Arc<Settings>,
    /// Taken when it is dropped.
    runtime: Option<Runtime>,
}

impl Resolver {
    /// Begins with these options, and with the environment's choice of the machine's own engines: `DOCKER_HOST`,
    /// `DOCKER_CONTEXT` and `CONTAINER_HOST`.
    ///
    /// # Errors
    /// If the environment chooses an engine of another machine, or the system does not give what is needed.
    pub fn new(options: Options) -> Result<Self> {
        let Options { engine, sockets, timeout, starts_engines, method, labels, log } = options;
        let settings = Settings {
            own: Sockets::own(engine)?,
            inside: Sockets::inside(&sockets),
            method,
            pidns: Namespace::open("/proc/self/ns/pid".as_ref())?,
            engine,
            timeout,
            starts_engines,
            daemons: Daemons::default(),
            labels,
            is_root: is_root()?,
            log,
        };
        let mut runtime = Builder::new_current_thread();
        // The thread that could be started is kept: where threads are few, there may be none to be had later.
        let runtime =
            runtime.enable_all().thread_keep_alive(Duration::MAX).build().context(|| "start the event loop")?;
        Ok(Self { settings: Arc::new(settings), runtime: Some(runtime) })
    }

    /// Finds the container at `path`.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) if there is none, or it does not run;
    /// [`Status::Failed`](nicon_core::Status::Failed) if that is unknown, or `path` is no path.
    pub fn find(&self, path: &str) -> Result<Hit> {
        let Query { text, target } = path.parse()?;
        match target {
            Target::One(path) => self.block_on(find(text, path, &self.batch())),
            Target::Many(_) => Err(Error::failed(format!("{text} is a pattern, not a path"))),
        }
    }

    /// Answers queries in their order, each by its number. Consecutive paths are resolved together; the containers of a pattern
    /// may be none, and are given in the order of their paths, but for those that are found later than after half of the time that a
    /// hop may take: who is slow holds up no others. What is no query is answered by its error.
    ///
    /// # Errors
    /// Those of `give`, which end the search. That a query cannot be answered is given like an answer.
    pub fn answer(
        &self,
        queries: impl IntoIterator<Item = Result<Query>>,
        give: impl FnMut(usize, Result<Hit>) -> Result<()>,
    ) -> Result<()> {
        let patterns = Batch::new(self.without_starting());
        self.block_on(answer_all(queries, (&self.batch(), &patterns), give))
    }

    /// Finds the containers that these things belong to, whose process or cgroup is in them or whose namespace they have, and gives
    /// each by the thing's number. What could not be looked at, in which there may be others, is given without one.
    ///
    /// # Errors
    /// Those of `give`, which end the search. That a thing belongs to no container is given like an answer.
    pub fn find_containers_of(
        &self,
        things: &[Thing],
        give: impl FnMut(Option<usize>, Result<Hit>) -> Result<()>,
    ) -> Result<()> {
        self.block_on(belonging::find(&Batch::new(self.without_starting()), things, give))
    }

    /// Watches what these orders name, and what the observer orders later, until the observer ends it. No engine is started by it.
    ///
    /// # Errors
    /// Those of the observer, or if nothing can be watched.
    pub fn watch<O: Observer>(&self, orders: Vec<Order>, inputs: Inputs<O::Input>, observer: &mut O) -> Result<()> {
        self.block_on(watch(self.without_starting(), orders, inputs, observer))
    }

    fn batch(&self) -> Batch {
        Batch::new(Arc::clone(&self.settings))
    }

    fn without_starting(&self) -> Arc<Settings> {
        Arc::new(self.settings.without_starting())
    }

    fn block_on<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.as_ref().expect("it is there until the end").block_on(work)
    }
}

impl Drop for Resolver {
    /// An abandoned thread may never end, so it is not waited for.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Whether we are the machine's root. Root in a user namespace may be anybody outside of it, to whom the root directory does not
/// belong.
fn is_root() -> Result<bool> {
    let root = stat("/").context(|| "inspect /")?;
    Ok(geteuid().is_root() && root.st_uid == 0)
}

async fn answer_all(
    queries: impl IntoIterator<Item = Result<Query>>,
    (batch, patterns): (&Batch, &Batch),
    mut give: impl FnMut(usize, Result<Hit>) -> Result<()>,
) -> Result<()> {
    let mut paths = Vec::new();
    for (number, query) in queries.into_iter().enumerate() {
        match query {
            Ok(Query { text, target: Target::One(path) }) => paths.push((number, Ok((text, path)))),
            Ok(Query { text, target: Target::Many(pattern) }) => {
                answer_paths(std::mem::take(&mut paths), batch, &mut give).await?;
                let give = |hit: Result<Hit>| give(number, hit.map_err(|error| error.prefix(&text)));
                let hits = RefCell::new(InOrder::new(give));
                let searching = pin!(search::find(patterns, &pattern, |hit| hits.borrow_mut().take(hit)));
                match select(searching, pin!(sleep(patterns.timeout() / 2))).await {
                    Either::Left((found, _)) => found?,
                    Either::Right(((), searching)) => {
                        hits.borrow_mut().wait_no_longer()?;
                        searching.await?;
                    }
                }
                hits.borrow_mut().wait_no_longer()?;
            }
            Err(error) => paths.push((number, Err(error))),
        }
    }
    answer_paths(paths, batch, &mut give).await
}

async fn answer_paths(
    paths: Vec<(usize, Result<(String, Path)>)>,
    batch: &Batch,
    give: &mut impl FnMut(usize, Result<Hit>) -> Result<()>,
) -> Result<()> {
    let answering = futures_util::stream::iter(paths).map(|(number, asked)| async move {
        let answer = match asked {
            Ok((text, path)) => find(text, path, batch).await,
            Err(error) => Err(error),
        };
        (number, answer)
    });
    let mut answers = answering.buffered(CONCURRENT);
    while let Some((number, answer)) = answers.next().await {
        give(number, answer)?;
    }
    Ok(())
}

async fn find(text: String, path: Path, batch: &Batch) -> Result<Hit> {
    let hop = batch.find(&path).await.map_err(|error| error.prefix(text))?;
    Ok(Hit { path, hop, engine_of: None })
}
