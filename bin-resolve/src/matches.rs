//! Finds all containers that match a pattern, and reports them as they are found.
//!
//! The nest need not be a tree: a container may have the socket of any engine, even an outer one. Each engine is
//! searched once, and each container reported once, under the path by which it was found first.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use nicon_core::{Error, Result, Status};

use crate::address::Address;
use crate::hop::{Hop, Sharing};
use crate::kind::Wanted;
use crate::name::{MAX_DEPTH, Path};
use crate::pattern::Pattern;
use crate::pool::AT_ONCE;
use crate::root::FileId;
use crate::task::{Candidate, List, Outcome, Task};
use crate::turns::Turns;
use crate::visit::Visit;
use crate::walk::{Inner, Walk};

/// The most concurrent questions to all engines together. The containers of our own engine share them, each with
/// everything inside it.
const CONCURRENT: usize = 32;

/// A container that matches.
pub(crate) struct Match {
    pub(crate) path: Path,
    pub(crate) hop: Arc<Hop>,
    /// If the engine inside this container is searched through another one: that one's path, empty for our own engine.
    pub(crate) engine_of: Option<Path>,
}

/// Finds all running containers that match `pattern`. Failures are reported, too, and do not end the search.
///
/// # Errors
/// Those of `give`, which end the search.
pub(crate) async fn find(walk: &Walk, pattern: &Pattern, give: impl FnMut(Result<Match>) -> Result<()>) -> Result<()> {
    let (met, engines) = (HashSet::new(), HashMap::new());
    let tasks = Turns::new(CONCURRENT);
    let mut search = Search { walk, pattern, give, met, engines, tasks, later: Vec::new() };
    search.run().await
}

struct Search<'a, Give> {
    walk: &'a Walk,
    pattern: &'a Pattern,
    give: Give,
    /// PIDs of the containers found so far. The walk pins them all, so none is reused.
    met: HashSet<i32>,
    /// The engines that are searched, and the path of the container through which.
    engines: HashMap<FileId, Path>,
    /// By the outermost container that they concern; `None` for our own engine.
    tasks: Turns<Option<String>, Task>,
    /// Containers with only the sockets of engines that run elsewhere: in another container, or our own. They are
    /// searched last, so that those engines' containers are found under better names.
    later: Vec<(Candidate, Vec<Inner>)>,
}

impl<Give: FnMut(Result<Match>) -> Result<()>> Search<'_, Give> {
    async fn run(&mut self) -> Result<()> {
        if let Err(error) = self.begin().await {
            return (self.give)(Err(error));
        }
        let mut running = FuturesUnordered::new();
        loop {
            while let Some((whose, task)) = self.tasks.next() {
                let performing = task.perform(self.walk, self.pattern);
                running.push(async { (whose, performing.await) });
            }
            // If nothing is running, nothing waits either: there was a slot for it.
            let Some((whose, outcome)) = running.next().await else {
                match self.next_of_later() {
                    Some((found, inside)) => self.enter(found, &inside)?,
                    None => return Ok(()),
                }
                continue;
            };
            self.tasks.done(&whose);
            match outcome {
                Outcome::Listed(engine, list) => self.take_list(&engine, list)?,
                Outcome::Found(visit, engine, found) => self.take_found(&visit, engine, found)?,
                Outcome::SeenInside(found, inside) => self.take_inside(found, inside)?,
            }
        }
    }

    fn wait(&mut self, task: Task) {
        self.tasks.wait(task.path().first().cloned(), task);
    }

    /// Finds the container where the wildcards begin. The engines on the way there are not searched again from inside.
    async fn begin(&mut self) -> Result<()> {
        let prefix = &self.pattern.prefix;
        let engine = Visit::new(prefix.clone(), self.pattern.begin());
        if !prefix.is_empty() {
            self.walk.find(prefix).await?;
        }
        for depth in 0..=prefix.len() {
            let asked =
                prefix.get(depth).map_or_else(|| self.pattern.asks(&engine.progress), |name| Wanted::qualifier(name));
            let inside =
                self.walk.look_inside(&prefix[..depth], &asked).await.map_err(|error| error.prefix(engine.place()))?;
            for inner in inside {
                self.engines.entry(inner.engine).or_insert_with(|| prefix[..depth].to_vec());
            }
        }
        self.wait(Task::List(engine));
        Ok(())
    }

    fn take_list(&mut self, engine: &Rc<Visit>, list: Result<List>) -> Result<()> {
        let List { roster, chosen } = match list {
            Ok(list) => list,
            Err(error) => return (self.give)(Err(error.prefix(engine.place()))),
        };
        for failure in roster.failures.iter().chain(&roster.remarks).chain(&roster.unread) {
            (self.give)(Err(failure.clone().prefix(engine.place())))?;
        }
        engine.expect(chosen);
        (0..AT_ONCE).try_for_each(|_| self.go_on(engine))
    }

    /// Starts to find the next container of an engine.
    fn go_on(&mut self, engine: &Rc<Visit>) -> Result<()> {
        match engine.next(self.walk.timeout()) {
            Ok(Some((member, progress))) => {
                let path = [&engine.path[..], std::slice::from_ref(&member.segment)].concat();
                self.wait(Task::Find { from: Rc::clone(engine), member, path, progress });
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(given_up) => {
                (self.give)(Err(given_up))?;
                self.go_on(engine)
            }
        }
    }

    fn take_found(&mut self, visit: &Rc<Visit>, engine: Address, found: Result<Candidate>) -> Result<()> {
        match found {
            Ok(found) if !self.met.insert(found.hop.process.pid()) => {}
            Ok(found) if self.pattern.leads_on(&found.progress) => self.wait(Task::LookInside(found)),
            Ok(found) => self.give_fit(found, None)?,
            // It has stopped since it was listed.
            Err(error) if error.status() == Status::No => {}
            Err(error) => {
                visit.has_failed(engine);
                (self.give)(Err(error))?;
            }
        }
        self.go_on(visit)
    }

    fn take_inside(&mut self, found: Candidate, inside: Result<Vec<Inner>>) -> Result<()> {
        match inside {
            Ok(inside) => {
                let is_new = |inner: &&Inner| !self.engines.contains_key(&inner.engine);
                let mut new = inside.iter().filter(is_new).peekable();
                if new.peek().is_some() && new.all(|inner| inner.sharing != Sharing::Dind) {
                    self.later.push((found, inside));
                    return Ok(());
                }
                self.enter(found, &inside)
            }
            Err(error) if error.status() == Status::Failed && found.hop.process.is_alive() => {
                let place = Visit::new(found.path.clone(), found.progress.clone()).place();
                self.give_fit(found, None)?;
                (self.give)(Err(error.prefix(place)))
            }
            Err(_) => self.give_fit(found, None),
        }
    }

    /// The first by name, so that each run gives the same paths.
    fn next_of_later(&mut self) -> Option<(Candidate, Vec<Inner>)> {
        self.later.sort_by(|(a, _), (b, _)| b.path.cmp(&a.path));
        self.later.pop()
    }

    /// Starts to search the engines inside a container that are not searched yet.
    fn enter(&mut self, found: Candidate, inside: &[Inner]) -> Result<()> {
        let known = inside.iter().find_map(|inner| self.engines.get(&inner.engine)).cloned();
        let new: Vec<_> =
            inside.iter().map(|inner| inner.engine).filter(|engine| !self.engines.contains_key(engine)).collect();
        let (from, path, progress) = (Rc::clone(&found.from), found.path.clone(), found.progress.clone());
        self.give_fit(found, known)?;
        if new.is_empty() {
            return Ok(());
        }
        self.engines.extend(new.iter().map(|engine| (*engine, path.clone())));
        let engine = from.enter(path, progress, new);
        if engine.path.len() == MAX_DEPTH {
            let too_deep = Error::failed(format!("their paths have more than {MAX_DEPTH} names"));
            return (self.give)(Err(too_deep.prefix(engine.place())));
        }
        self.wait(Task::List(engine));
        Ok(())
    }

    fn give_fit(&mut self, found: Candidate, engine_of: Option<Path>) -> Result<()> {
        if !self.pattern.is_fit(&found.progress) {
            return Ok(());
        }
        (self.give)(Ok(Match { path: found.path, hop: found.hop, engine_of }))
    }
}
