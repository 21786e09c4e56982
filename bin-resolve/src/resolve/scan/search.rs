//! Finds all containers that match a pattern, and reports them as they are found.
//!
//! The nest need not be a tree: a container may have the socket of any engine, even an outer one. Each engine is
//! searched once, and each container reported once, under the path by which it was found first.

use std::collections::HashSet;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use nicon_core::path::MAX_DEPTH;
use nicon_core::{Error, Process, Result, Status};

use crate::engine::address::Address;
use crate::engine::api::pool::AT_ONCE;
use crate::query::Subject;
use crate::query::path::Path;
use crate::query::pattern::Pattern;
use crate::resolve::batch::{Batch, Inner};
use crate::resolve::hit::Hit;
use crate::resolve::hop::{Hop, Sharing};
use crate::resolve::scan::fair_queue::FairQueue;
use crate::resolve::scan::frontier::Frontier;
use crate::resolve::scan::progress::Progress;
use crate::resolve::scan::searched::Searched;
use crate::resolve::scan::task::{List, Node, Outcome, Task};

/// The most concurrent questions to all engines together. The containers of our own engine share them, each with
/// everything inside it.
const CONCURRENT: usize = 32;

/// Finds all running containers that match `pattern`. Failures are reported, too, and do not end the search.
///
/// # Errors
/// Those of `give`, which end the search.
pub(crate) async fn find(batch: &Batch, pattern: &Pattern, give: impl FnMut(Result<Hit>) -> Result<()>) -> Result<()> {
    find_within(batch, pattern, &|_, _| true, give).await
}

/// The same, only in those containers, with these engines in them, that lead on.
///
/// # Errors
/// As [`find`].
pub(crate) async fn find_within(
    batch: &Batch,
    pattern: &Pattern,
    leads_on: &dyn Fn(&Hop, &[Inner]) -> bool,
    give: impl FnMut(Result<Hit>) -> Result<()>,
) -> Result<()> {
    let (met, searched) = (HashSet::new(), Rc::default());
    let tasks = FairQueue::new(CONCURRENT);
    let mut search = Search { batch, pattern, leads_on, give, met, searched, tasks, later: Vec::new() };
    search.run().await
}

struct Search<'a, Give> {
    batch: &'a Batch,
    pattern: &'a Pattern,
    leads_on: &'a dyn Fn(&Hop, &[Inner]) -> bool,
    give: Give,
    /// The processes of the containers found so far, by PID and start time.
    met: HashSet<(i32, Option<u64>)>,
    searched: Rc<Searched>,
    /// By the outermost container that they concern; `None` for our own engine.
    tasks: FairQueue<Option<String>, Task>,
    /// Containers with only the sockets of engines that run elsewhere: in another container, or our own. They are
    /// searched last, so that those engines' containers are found under better names.
    later: Vec<(Node, Vec<Inner>)>,
}

impl<Give: FnMut(Result<Hit>) -> Result<()>> Search<'_, Give> {
    async fn run(&mut self) -> Result<()> {
        if let Err(error) = self.begin().await {
            return (self.give)(Err(error));
        }
        let mut running = FuturesUnordered::new();
        loop {
            while let Some((whose, task)) = self.tasks.next() {
                let performing = task.perform(self.batch, self.pattern);
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
                Outcome::Listed(frontier, list) => self.take_list(&frontier, list)?,
                Outcome::Found(frontier, engine, found) => self.take_found(&frontier, engine, found)?,
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
        let frontier = Frontier::new(prefix.clone(), Progress::begin(self.pattern));
        if !prefix.is_empty() {
            self.batch.find(prefix).await?;
        }
        for depth in 0..=prefix.len() {
            let asked =
                prefix.get(depth).map_or_else(|| frontier.progress.asks(self.pattern), |name| Subject::qualifier(name));
            let inside = match self.batch.look_inside(&prefix[..depth], &asked).await {
                // What leads on from there, like a process, was found without an engine.
                Err(error) if error.status() == Status::No && depth < prefix.len() => continue,
                inside => inside.map_err(|error| error.prefix(frontier.context()))?,
            };
            for inner in inside {
                self.searched.claim(inner.engine, &prefix[..depth]);
            }
        }
        self.wait(Task::List(frontier));
        Ok(())
    }

    fn take_list(&mut self, frontier: &Rc<Frontier>, list: Result<List>) -> Result<()> {
        let List { listing, chosen } = match list {
            Ok(list) => list,
            Err(error) => return (self.give)(Err(error.prefix(frontier.context()))),
        };
        for failure in listing.failures.iter().chain(&listing.remarks).chain(&listing.unread) {
            (self.give)(Err(failure.clone().prefix(frontier.context())))?;
        }
        frontier.expect(chosen);
        (0..AT_ONCE).try_for_each(|_| self.go_on(frontier))
    }

    /// Starts to find the next container of an engine.
    fn go_on(&mut self, frontier: &Rc<Frontier>) -> Result<()> {
        match frontier.next(self.batch.timeout()) {
            Ok(Some((listed, progress))) => {
                let path = [frontier.path.clone(), listed.tail()].concat();
                self.wait(Task::Find { from: Rc::clone(frontier), listed: Box::new(listed), path, progress });
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(given_up) => {
                (self.give)(Err(given_up))?;
                self.go_on(frontier)
            }
        }
    }

    fn take_found(&mut self, frontier: &Rc<Frontier>, engine: Address, found: Result<Node>) -> Result<()> {
        match found {
            Ok(found) if self.has_met(found.hop.process()) => {}
            // A pod's containers are beside it in the list.
            Ok(found) if found.hop.as_pod().is_some() => self.give_fit(found, None)?,
            Ok(found) if found.progress.leads_on(self.pattern) => self.wait(Task::LookInside(found)),
            Ok(found) => self.give_fit(found, None)?,
            // It has stopped since it was listed.
            Err(error) if error.status() == Status::No => {}
            Err(error) => {
                frontier.has_failed(engine);
                (self.give)(Err(error))?;
            }
        }
        self.go_on(frontier)
    }

    /// Whether a process was found before, which is noted.
    fn has_met(&mut self, process: &Process) -> bool {
        !self.met.insert((process.pid(), process.starttime().ok()))
    }

    fn take_inside(&mut self, found: Node, inside: Result<Vec<Inner>>) -> Result<()> {
        match inside {
            Ok(inside) if !(self.leads_on)(&found.hop, &inside) => self.give_fit(found, None),
            Ok(inside) => {
                let is_new = |inner: &&Inner| self.searched.is_new(inner.engine);
                let mut new = inside.iter().filter(is_new).peekable();
                if new.peek().is_some() && new.all(|inner| inner.sharing != Sharing::Dind) {
                    self.later.push((found, inside));
                    return Ok(());
                }
                self.enter(found, &inside)
            }
            Err(error) if error.status() == Status::Failed && !found.hop.process().is_ending() => {
                let context = Frontier::new(found.path.clone(), found.progress.clone()).context();
                self.give_fit(found, None)?;
                (self.give)(Err(error.prefix(context)))
            }
            Err(_) => self.give_fit(found, None),
        }
    }

    /// The first by name, so that each run gives the same paths.
    fn next_of_later(&mut self) -> Option<(Node, Vec<Inner>)> {
        self.later.sort_by(|(a, _), (b, _)| b.path.cmp(&a.path));
        self.later.pop()
    }

    /// Starts to search the engines inside a container that are not searched yet.
    fn enter(&mut self, found: Node, inside: &[Inner]) -> Result<()> {
        let known = inside.iter().find_map(|inner| self.searched.by(inner.engine));
        let (from, path, progress) = (Rc::clone(&found.from), found.path.clone(), found.progress.clone());
        self.give_fit(found, known)?;
        let claimed = inside.iter().filter(|inner| self.searched.claim(inner.engine, &path));
        if claimed.count() == 0 {
            return Ok(());
        }
        let frontier = from.enter(path, progress, Rc::clone(&self.searched));
        if frontier.path.len() >= MAX_DEPTH {
            let too_deep = Error::failed(format!("their paths have more than {MAX_DEPTH} names"));
            return (self.give)(Err(too_deep.prefix(frontier.context())));
        }
        self.wait(Task::List(frontier));
        Ok(())
    }

    fn give_fit(&mut self, found: Node, engine_of: Option<Path>) -> Result<()> {
        if !found.progress.is_fit(self.pattern) {
            return Ok(());
        }
        (self.give)(Ok(Hit { path: found.path, hop: found.hop, engine_of }))
    }
}
