//! All containers that a pattern fits, given out as they are found.
//!
//! The nest need not be a tree: a container may have been given the socket of any engine, an outer one among them. Each
//! engine is entered once, and each container given once, under the path by which it was met first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use nicon_core::{Error, Result, Status};

use crate::entered::Entered;
use crate::hop::{Hop, Sharing};
use crate::listing::Listed;
use crate::name::{MAX_DEPTH, Path};
use crate::pattern::{Pattern, Progress};
use crate::reach::AT_ONCE;
use crate::socket::FileId;
use crate::walk::{Inner, Walk};

/// How many questions are under way at once, to all engines together.
const CONCURRENT: usize = 32;

/// A container that fits.
pub(crate) struct Match {
    pub(crate) path: Path,
    pub(crate) hop: Arc<Hop>,
    /// Where the engine inside of this one was entered already: the path of that container, empty for our own engine.
    pub(crate) engine_of: Option<Path>,
}

/// Finds all running containers that `pattern` fits. Failures are given out beside them; the rest is found all the same.
///
/// # Errors
/// Those of `give`, which end the search.
pub(crate) async fn find(walk: &Walk, pattern: &Pattern, give: impl FnMut(Result<Match>) -> Result<()>) -> Result<()> {
    let (met, sockets) = (HashSet::new(), HashMap::new());
    let mut search = Search { walk, pattern, give, met, sockets, tasks: VecDeque::new(), later: Vec::new() };
    search.run().await
}

struct Search<'a, Give> {
    walk: &'a Walk,
    pattern: &'a Pattern,
    give: Give,
    /// PIDs of the containers that were met. The walk holds them all, so that none is given away meanwhile.
    met: HashSet<i32>,
    /// The sockets of the engines that were entered, and through which container.
    sockets: HashMap<FileId, Path>,
    tasks: VecDeque<Task>,
    /// Containers with the socket of an engine that runs elsewhere. Most often that is inside of another container, or
    /// our own behind another socket: what is in there has better names, which are to be found first.
    later: Vec<(Found, Inner)>,
}

/// What is to be asked.
enum Task {
    List(Rc<Entered>),
    Find { engine: Rc<Entered>, path: Path, progress: Progress, look_inside: bool },
}

/// What became of it.
enum Outcome {
    Listed(Rc<Entered>, Result<Rc<[Listed]>>),
    Found(Rc<Entered>, Result<Found>),
}

struct Found {
    path: Path,
    progress: Progress,
    hop: Arc<Hop>,
    /// The engine inside, where the pattern leads on.
    inside: Option<Result<Inner>>,
}

impl<Give: FnMut(Result<Match>) -> Result<()>> Search<'_, Give> {
    async fn run(&mut self) -> Result<()> {
        if let Err(error) = self.begin().await {
            return (self.give)(Err(error));
        }
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < CONCURRENT
                && let Some(task) = self.tasks.pop_front()
            {
                running.push(perform(self.walk, task));
            }
            match running.next().await {
                Some(Outcome::Listed(engine, list)) => self.take_list(&engine, list)?,
                Some(Outcome::Found(engine, found)) => self.take_found(&engine, found)?,
                None if self.tasks.is_empty() => match self.next_of_later() {
                    Some((found, inner)) => self.enter(found, inner)?,
                    None => return Ok(()),
                },
                None => {}
            }
        }
    }

    /// Goes to where the wildcards begin. The engines on the way there are not entered again from within.
    async fn begin(&mut self) -> Result<()> {
        let prefix = &self.pattern.prefix;
        let engine = Entered::new(prefix.clone(), self.pattern.begin());
        if !prefix.is_empty() {
            self.walk.find(prefix).await?;
        }
        for depth in 0..=prefix.len() {
            let inner = self.walk.look_inside(&prefix[..depth]).await.map_err(|error| error.within(engine.place()))?;
            self.sockets.entry(inner.socket).or_insert_with(|| prefix[..depth].to_vec());
        }
        self.tasks.push_back(Task::List(engine));
        Ok(())
    }

    fn take_list(&mut self, engine: &Rc<Entered>, list: Result<Rc<[Listed]>>) -> Result<()> {
        let list = match list {
            Ok(list) => list,
            Err(error) => return (self.give)(Err(error.within(engine.place()))),
        };
        engine.expect(list.iter().filter_map(|listed| {
            let progress = self.pattern.advance(&engine.progress, listed, &list);
            let matters = self.pattern.is_fit(&progress) || self.pattern.leads_on(&progress);
            matters.then(|| (listed.name.clone(), progress))
        }));
        (0..AT_ONCE).try_for_each(|_| self.go_on(engine))
    }

    /// Begins to find the next container of an engine.
    fn go_on(&mut self, engine: &Rc<Entered>) -> Result<()> {
        match engine.next(self.walk.timeout()) {
            Ok(Some((name, progress))) => {
                let path = [&engine.path[..], &[name]].concat();
                let look_inside = self.pattern.leads_on(&progress);
                self.tasks.push_back(Task::Find { engine: Rc::clone(engine), path, progress, look_inside });
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(given_up) => (self.give)(Err(given_up)),
        }
    }

    fn take_found(&mut self, engine: &Rc<Entered>, found: Result<Found>) -> Result<()> {
        match found {
            Ok(found) if self.met.insert(found.hop.process.pid()) => self.take_new(found)?,
            Ok(_) => {}
            // It has stopped since it was listed.
            Err(error) if error.status() == Status::No => {}
            Err(error) => {
                engine.has_failed();
                (self.give)(Err(error))?;
            }
        }
        self.go_on(engine)
    }

    fn take_new(&mut self, mut found: Found) -> Result<()> {
        match found.inside.take() {
            Some(Ok(inner)) if inner.sharing != Sharing::Dind && !self.sockets.contains_key(&inner.socket) => {
                self.later.push((found, inner));
                Ok(())
            }
            Some(Ok(inner)) => self.enter(found, inner),
            Some(Err(error)) if error.status() == Status::Failed && found.hop.process.is_alive() => {
                let engine = Entered::new(found.path.clone(), found.progress.clone());
                self.give_fit(found, None)?;
                (self.give)(Err(error.within(engine.place())))
            }
            Some(Err(_)) | None => self.give_fit(found, None),
        }
    }

    /// The first by name, so that it is the same in each run.
    fn next_of_later(&mut self) -> Option<(Found, Inner)> {
        self.later.sort_by(|(a, _), (b, _)| b.path.cmp(&a.path));
        self.later.pop()
    }

    /// Enters the engine inside of a container, where that is a new one.
    fn enter(&mut self, found: Found, inner: Inner) -> Result<()> {
        if let Some(known) = self.sockets.get(&inner.socket) {
            let known = known.clone();
            return self.give_fit(found, Some(known));
        }
        self.sockets.insert(inner.socket, found.path.clone());
        let engine = Entered::new(found.path.clone(), found.progress.clone());
        self.give_fit(found, None)?;
        if engine.path.len() == MAX_DEPTH {
            let too_deep = Error::failed(format!("they have more than {MAX_DEPTH} names"));
            return (self.give)(Err(too_deep.within(engine.place())));
        }
        self.tasks.push_back(Task::List(engine));
        Ok(())
    }

    fn give_fit(&mut self, found: Found, engine_of: Option<Path>) -> Result<()> {
        if !self.pattern.is_fit(&found.progress) {
            return Ok(());
        }
        (self.give)(Ok(Match { path: found.path, hop: found.hop, engine_of }))
    }
}

async fn perform(walk: &Walk, task: Task) -> Outcome {
    match task {
        Task::List(engine) => {
            let list = walk.list(&engine.path).await;
            Outcome::Listed(engine, list)
        }
        Task::Find { engine, path, progress, look_inside } => {
            let hop = walk.find(&path).await;
            let inside = if hop.is_ok() && look_inside { Some(walk.look_inside(&path).await) } else { None };
            Outcome::Found(engine, hop.map(|hop| Found { path, progress, hop, inside }))
        }
    }
}
