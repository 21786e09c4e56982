//! Where links come from: the container that a record's `from` names by its path.

use std::collections::HashMap;

use nicon_core::path::Start;
use nicon_core::{Error, Record, Result};
use nicon_resolve::{Hit, Query, Resolver};
use serde_json::Value;

/// The field. What is no object names no container.
pub(crate) const FROM: &str = "from";

/// The containers that records come from, by their paths.
pub(crate) struct Sources(HashMap<String, Result<Record>>);

impl Sources {
    /// Looks up each path that is in the records once.
    ///
    /// # Errors
    /// If the resolver itself fails; a path that leads nowhere is told by [`Self::fill`].
    pub(crate) fn find<'a>(records: impl Iterator<Item = &'a Record>, resolver: &Resolver) -> Result<Self> {
        let nobody = || Err(Error::no("no running container matches"));
        let mut found: HashMap<String, Result<Record>> =
            records.filter_map(path).map(|path| (path.to_owned(), nobody())).collect();
        let (mut paths, mut queries) = (Vec::new(), Vec::new());
        for (path, record) in &mut found {
            match path.parse::<Query>() {
                Ok(query) if query.is_pattern() => *record = Err(Error::failed("a link comes from one container")),
                Ok(query) => {
                    paths.push(path.clone());
                    queries.push(query);
                }
                Err(error) => *record = Err(error),
            }
        }
        if !queries.is_empty() {
            resolver.answer(queries.into_iter().map(Ok), |number, answer| {
                let path = &paths[number];
                let source = answer.and_then(|hit| of(path, &hit));
                found.insert(path.clone(), source);
                Ok(())
            })?;
        }
        Ok(Self(found))
    }

    /// Adds to a record the process that its link comes from.
    ///
    /// # Errors
    /// If there is no such container.
    pub(crate) fn fill(&self, record: &mut Record) -> Result<()> {
        let Some(path) = path(record) else { return Ok(()) };
        let source = self.0[path].clone().map_err(|error| error.prefix(format!("{FROM} {path}")))?;
        record.set(FROM, source);
        Ok(())
    }
}

/// What a record says in `from` of the container at a path.
///
/// # Errors
/// If it is gone.
pub(crate) fn of(path: &str, hit: &Hit) -> Result<Record> {
    let mut source = Record::default();
    source.set("target", path);
    hit.process().write_to(&mut source).map(|()| source)
}

/// The path in a record's `from`, if a container is yet to be found by it.
pub(crate) fn path(record: &Record) -> Option<&str> {
    let from = record.get(FROM)?;
    let path = from.get("target").and_then(Value::as_str).filter(|_| from.get("pid").is_none())?;
    Start::parse(path).is_ok_and(|start| start.is_none()).then_some(path)
}
