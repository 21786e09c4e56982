//! The questions that are followed, and what was told of each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nicon_core::{Error, Record, Result, Status};
use nicon_resolve::{Hit, Order, Query, What};

use crate::cli::output::{fill, pass};
use crate::cli::source;
use crate::cli::watch::told::{Now, Told, UNKNOWN, news};

/// The field that says that a container's processes are frozen.
const PAUSED: &str = "paused";

#[derive(Default)]
pub(crate) struct Questions {
    followed: BTreeMap<usize, Question>,
    /// Who asks each query.
    queries: HashMap<usize, Asked>,
    /// The queries for paths.
    paths: HashMap<String, usize>,
    last: usize,
}

struct Question {
    record: Record,
    about: About,
    /// Whether a newer revision of its plan has come.
    is_silent: bool,
}

enum About {
    /// One container, or what is none, and the container that its link comes from.
    One { target: Option<usize>, source: Option<usize>, told: Told },
    /// Any number of containers, by their PIDs.
    Many { told: HashMap<i32, Told> },
}

/// A query, and what is known of the container at a path.
struct Asked {
    by: BTreeSet<usize>,
    state: State,
}

enum State {
    /// It was not looked for yet.
    Open,
    /// It is not there, or why that is not known.
    Absent {
        doubt: Option<String>,
    },
    There {
        hit: Hit,
        is_paused: bool,
        was_present: bool,
    },
}

impl Questions {
    pub(crate) fn is_empty(&self) -> bool {
        self.followed.is_empty()
    }

    /// Follows another question, and adds what is to be watched for it. Returns its number, and what there is to be told.
    ///
    /// # Errors
    /// If its link comes from no container that can be watched.
    pub(crate) fn follow(
        &mut self,
        record: Record,
        query: Option<Query>,
        orders: &mut Vec<Order>,
    ) -> Result<(usize, Vec<Result<Record>>)> {
        let source = source::path(&record).map(str::parse::<Query>).transpose()?;
        if source.as_ref().is_some_and(Query::is_pattern) {
            return Err(Error::failed("a link comes from one container"));
        }
        let number = self.number();
        let source = source.map(|query| self.ask(number, query, orders));
        let about = match query {
            Some(query) if query.is_pattern() => {
                self.ask(number, query, orders);
                About::Many { told: HashMap::new() }
            }
            query => {
                let target = query.map(|query| self.ask(number, query, orders));
                About::One { target, source, told: Told::default() }
            }
        };
        self.followed.insert(number, Question { record, about, is_silent: false });
        Ok((number, self.tell(number)))
    }

    /// Tells no more of a question.
    pub(crate) fn silence(&mut self, number: usize) {
        if let Some(question) = self.followed.get_mut(&number) {
            question.is_silent = true;
        }
    }

    /// Follows a question no more.
    pub(crate) fn leave(&mut self, number: usize) {
        self.followed.remove(&number);
        self.queries.values_mut().for_each(|asked| {
            asked.by.remove(&number);
        });
    }

    /// The queries that nobody asks any more.
    pub(crate) fn unasked(&mut self) -> Vec<usize> {
        let unasked: Vec<_> = self.queries.extract_if(|_, asked| asked.by.is_empty()).map(|(query, _)| query).collect();
        self.paths.retain(|_, query| !unasked.contains(query));
        unasked
    }

    /// Nothing is found at a path. Returns what there is to be told.
    pub(crate) fn is_absent(&mut self, query: usize, why: &Error) -> Vec<Result<Record>> {
        let doubt = (why.status() == Status::Failed).then(|| why.to_string());
        self.knows(query, State::Absent { doubt })
    }

    /// A container was seen. Returns what there is to be told.
    pub(crate) fn has_seen(&mut self, query: usize, what: What, hit: Hit, is_paused: bool) -> Vec<Result<Record>> {
        let asker = self.queries.get(&query).and_then(|asked| asked.by.first()).copied();
        let asker = asker.and_then(|asker| self.followed.get_mut(&asker));
        if let Some(Question { record, about: About::Many { told, .. }, is_silent }) = asker {
            return if *is_silent { Vec::new() } else { tell_match(record, told, what, &hit, is_paused) };
        }
        let before = self.queries.get(&query).map(|asked| &asked.state);
        let was_before = matches!(before, Some(State::There { was_present: true, .. }));
        let was_present = what == What::Present || what == What::Changed && was_before;
        self.knows(
            query,
            match what {
                What::Gone => State::Absent { doubt: None },
                _ => State::There { hit, is_paused, was_present },
            },
        )
    }

    fn knows(&mut self, query: usize, now: State) -> Vec<Result<Record>> {
        let Some(Asked { by, state }) = self.queries.get_mut(&query) else { return Vec::new() };
        *state = now;
        by.clone().into_iter().flat_map(|number| self.tell(number)).collect()
    }

    fn number(&mut self) -> usize {
        self.last += 1;
        self.last
    }

    /// The number of a query that a question asks. That for a path is the same for all who ask it.
    fn ask(&mut self, number: usize, query: Query, orders: &mut Vec<Order>) -> usize {
        let path = (!query.is_pattern()).then(|| query.to_string());
        let known = path.as_ref().and_then(|path| self.paths.get(path)).copied();
        let id = known.unwrap_or_else(|| {
            let id = self.number();
            orders.push(Order::Follow(id, query));
            self.paths.extend(path.map(|path| (path, id)));
            id
        });
        let asked = self.queries.entry(id).or_insert_with(|| Asked { by: BTreeSet::new(), state: State::Open });
        asked.by.insert(number);
        id
    }

    /// What there is to be told of a question for one container.
    fn tell(&mut self, number: usize) -> Vec<Result<Record>> {
        let Some(question) = self.followed.get_mut(&number).filter(|question| !question.is_silent) else {
            return Vec::new();
        };
        let About::One { target, source, told } = &mut question.about else { return Vec::new() };
        let state = |query: Option<usize>| query.map(|query| &self.queries[&query].state);
        let now = now(&question.record, state(*target), state(*source));
        let (now, wrong) = match now {
            Ok(None) => return Vec::new(),
            Ok(Some(now)) => (now, None),
            Err(error) => {
                let mut record = question.record.clone();
                record.set(UNKNOWN, error.to_string());
                (Now::Gone(record), Some(error.prefix(question.record.cell("target"))))
            }
        };
        news(told, now).into_iter().map(Ok).chain(wrong.map(Err)).collect()
    }
}

/// What there is of a question for one container; `None` if that is not known yet.
fn now(record: &Record, target: Option<&State>, source: Option<&State>) -> Result<Option<Now>> {
    let states = || [target, source].into_iter().flatten();
    if states().any(|state| matches!(state, State::Open)) {
        return Ok(None);
    }
    let absence = |state: &State| match state {
        State::Absent { doubt } => Some(doubt.clone()),
        _ => None,
    };
    let mut absences = states().filter_map(absence).peekable();
    if absences.peek().is_some() {
        let mut record = record.clone();
        record.remove(UNKNOWN);
        let is_there = |state: Option<&State>| matches!(state, Some(State::There { .. }));
        let doubt = absences.flatten().next();
        let doubt = doubt
            .or_else(|| is_there(target).then(|| "the container that its link comes from is not there".to_owned()));
        if let Some(doubt) = doubt {
            record.set(UNKNOWN, doubt);
        }
        return Ok(Some(Now::Gone(record)));
    }
    let has_ended = |state: &State| matches!(state, State::There { hit, .. } if !hit.process().is_alive());
    let was_present = states().all(|state| matches!(state, State::There { was_present: true, .. }));
    match complete(record.clone(), target, source) {
        Ok(record) => Ok(Some(Now::There(record, was_present))),
        // That is seen in a moment.
        Err(_) if states().any(has_ended) => Ok(Some(Now::Gone(record.clone()))),
        Err(error) => Err(error),
    }
}

/// Adds the containers to a record, which are there.
fn complete(mut record: Record, target: Option<&State>, source: Option<&State>) -> Result<Record> {
    record.remove(UNKNOWN);
    if let (Some(path), Some(State::There { hit, .. })) = (source::path(&record), source) {
        let from = source::of(path, hit)?;
        record.set(source::FROM, from);
    }
    match target {
        Some(State::There { hit, is_paused, .. }) => Ok(pause(fill(record, hit, false)?, *is_paused)),
        _ => pass(&record, false),
    }
}

fn tell_match(
    record: &Record,
    told: &mut HashMap<i32, Told>,
    what: What,
    hit: &Hit,
    is_paused: bool,
) -> Vec<Result<Record>> {
    let pid = hit.process().pid();
    let now = match what {
        What::Gone => Now::Gone(record.clone()),
        _ => match fill(record.clone(), hit, true) {
            Ok(filled) => Now::There(pause(filled, is_paused), what == What::Present),
            // It has just stopped, which is told in a moment.
            Err(_) if hit.process().is_ending() => return Vec::new(),
            Err(error) => return vec![Err(error.prefix(record.cell("target")))],
        },
    };
    let mut last = told.remove(&pid).unwrap_or_default();
    if matches!((&last, &now), (Told::Nothing, Now::Gone(_))) {
        return Vec::new();
    }
    let news = news(&mut last, now);
    if matches!(last, Told::There(_)) {
        told.insert(pid, last);
    }
    news.into_iter().map(Ok).collect()
}

fn pause(mut record: Record, is_paused: bool) -> Record {
    if is_paused {
        record.set(PAUSED, true);
    } else {
        record.remove(PAUSED);
    }
    record
}
