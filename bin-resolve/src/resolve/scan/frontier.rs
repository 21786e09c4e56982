//! The containers inside one container that are still to be found, and when they are given up.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nicon_core::path::show;
use nicon_core::{Error, Result};

use crate::engine::address::Address;
use crate::lookup::listing::ListedContainer;
use crate::query::path::Path;
use crate::resolve::scan::progress::Progress;
use crate::resolve::scan::searched::Searched;
use crate::rootfs::directory::FileId;

/// How often an engine may fail before its remaining containers are left out.
const MAX_FAILURES: usize = 3;

/// How many hop time-outs the containers of our own engine get together, and again everything inside one of them,
/// however deep: a hostile container could otherwise delay us forever.
const BUDGET: u32 = 12;

/// A search of the engines that are inside one container, or of our own.
pub(crate) struct Frontier {
    /// The path of the container; empty for our own engines.
    pub(crate) path: Path,
    /// How far that container has matched the pattern.
    pub(crate) progress: Progress,
    /// Which engines are searched here and which elsewhere; `None` if all are searched here.
    searched: Option<Rc<Searched>>,
    /// When the first search began that shares its time with this one.
    since: Instant,
    waiting: RefCell<VecDeque<(ListedContainer, Progress)>>,
    /// Once for each failure: the engine.
    failures: RefCell<Vec<Address>>,
}

impl Frontier {
    /// All engines of a container, or our own.
    pub(crate) fn new(path: Path, progress: Progress) -> Rc<Self> {
        Self::begin(path, progress, None, Instant::now())
    }

    /// Those engines of a container that was found here that are not searched elsewhere.
    pub(crate) fn enter(&self, path: Path, progress: Progress, searched: Rc<Searched>) -> Rc<Self> {
        let since = if self.path.is_empty() { Instant::now() } else { self.since };
        Self::begin(path, progress, Some(searched), since)
    }

    fn begin(path: Path, progress: Progress, searched: Option<Rc<Searched>>, since: Instant) -> Rc<Self> {
        Rc::new(Self { path, progress, searched, since, waiting: RefCell::default(), failures: RefCell::default() })
    }

    /// Whether this engine is to be searched here. One that was not there when the container was looked into is, too: its daemon has
    /// ended or begun meanwhile, and it is known by its files where it was by its socket.
    pub(crate) fn includes(&self, engine: FileId) -> bool {
        self.searched.as_ref().is_none_or(|searched| searched.claim(engine, &self.path))
    }

    /// The context of a failure here.
    pub(crate) fn context(&self) -> String {
        match &self.path[..] {
            [] => "list containers".to_owned(),
            path => format!("list containers in {}", show(path)),
        }
    }

    /// Queues containers to be found.
    pub(crate) fn expect(&self, containers: impl IntoIterator<Item = (ListedContainer, Progress)>) {
        self.waiting.borrow_mut().extend(containers);
    }

    /// Counts a failure of an engine.
    pub(crate) fn has_failed(&self, engine: Address) {
        self.failures.borrow_mut().push(engine);
    }

    /// The next container to be found.
    ///
    /// # Errors
    /// Once for each engine that is given up, if containers are left.
    pub(crate) fn next(&self, timeout: Duration) -> Result<Option<(ListedContainer, Progress)>> {
        let budget = BUDGET * timeout;
        let why = if self.since.elapsed() > budget {
            let who = self.path.first().map_or("the engine".to_owned(), |outermost| format!("what is in {outermost}"));
            format!("{who} took more than {} s", budget.as_secs_f64())
        } else {
            return self.next_of_those_that_answer();
        };
        match std::mem::take(&mut *self.waiting.borrow_mut()).len() {
            0 => Ok(None),
            left => Err(Error::failed(format!("{}: {left} are left out: {why}", self.context()))),
        }
    }

    fn next_of_those_that_answer(&self) -> Result<Option<(ListedContainer, Progress)>> {
        let mut waiting = self.waiting.borrow_mut();
        let Some((listed, progress)) = waiting.pop_front() else { return Ok(None) };
        let engine = &listed.endpoint;
        let failures = self.failures.borrow().iter().filter(|failed| *failed == engine).count();
        if failures < MAX_FAILURES {
            return Ok(Some((listed, progress)));
        }
        let before = waiting.len() + 1;
        waiting.retain(|(waiting, _)| waiting.endpoint != *engine);
        let left = before - waiting.len();
        Err(Error::failed(format!("{}: {left} are left out: {engine} failed {failures} times", self.context())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::address::Address;
    use crate::engine::container::Summary;
    use crate::query::Kind;
    use crate::query::parse::{Target, parse};

    fn engine(containers: usize) -> Rc<Frontier> {
        let Ok(Target::Many(pattern)) = parse("*") else { panic!("a pattern") };
        let engine = Frontier::new(vec!["a".to_owned()], Progress::begin(&pattern));
        let listed = |n: usize| {
            let listed = Summary { id: n.to_string(), name: n.to_string(), ..Summary::default() };
            ListedContainer::new(listed, Address::usual(Kind::Docker), FileId::default())
        };
        engine.expect((0..containers).map(|n| (listed(n), Progress::begin(&pattern))));
        engine
    }

    #[test]
    fn an_engine_that_fails_too_often_is_given_up_once() {
        let (engine, timeout) = (engine(5), Duration::from_secs(5));
        assert_eq!(engine.next(timeout).unwrap().unwrap().0.name, "0");
        (0..MAX_FAILURES).for_each(|_| engine.has_failed(Address::usual(Kind::Docker)));
        let error = engine.next(timeout).unwrap_err().to_string();
        assert_eq!(error, "list containers in a: 4 are left out: docker failed 3 times");
        assert!(engine.next(timeout).unwrap().is_none());
    }

    #[test]
    fn an_engine_that_takes_too_long_is_given_up() {
        let engine = engine(1);
        std::thread::sleep(Duration::from_millis(2));
        assert!(engine.next(Duration::from_nanos(1)).unwrap_err().to_string().contains("took more than"));
    }

    #[test]
    fn an_engine_is_searched_through_one_container() {
        let Ok(Target::Many(pattern)) = parse("**") else { panic!("a pattern") };
        let ours = Frontier::new(Vec::new(), Progress::begin(&pattern));
        let searched = Rc::<Searched>::default();
        let enter = |name: &str| ours.enter(vec![name.to_owned()], Progress::begin(&pattern), Rc::clone(&searched));
        let (a, b) = (enter("a"), enter("b"));
        // Whoever lists it first, though it was not there before.
        let engine = FileId::default();
        assert!(a.includes(engine) && !b.includes(engine) && a.includes(engine) && ours.includes(engine));
        assert_eq!(searched.by(engine), Some(vec!["a".to_owned()]));
    }

    #[test]
    fn what_is_inside_one_container_shares_its_time() {
        let Ok(Target::Many(pattern)) = parse("**") else { panic!("a pattern") };
        let enter = |outer: &Frontier, path: &[&str]| {
            outer.enter(path.iter().map(ToString::to_string).collect(), Progress::begin(&pattern), Rc::default())
        };
        let ours = Frontier::new(Vec::new(), Progress::begin(&pattern));
        let (a, b) = (enter(&ours, &["a"]), enter(&ours, &["b"]));
        assert!(ours.since < a.since && a.since < b.since);
        let deep = enter(&enter(&a, &["a", "c"]), &["a", "c", "d"]);
        assert_eq!(deep.since, a.since);
    }
}
