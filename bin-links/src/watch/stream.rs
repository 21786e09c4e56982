//! Records that tell of containers while those are watched: as they come, go and change, so does what is followed.

use std::collections::BTreeMap;

use nicon_core::{Record, Result, Status};
use serde_json::Value;

use super::rows::{Row, Rows};
use super::{Watch, change};
use crate::input;
use crate::listing::{Listing, Origin};
use crate::listings::Key;

/// What a record says of its container, and not of its links.
const EVENT: &str = "event";
const WAS: &str = "was";

/// Which plan a record is of, and how often that has said something else.
const PLAN: &str = "plan";
const REVISION: &str = "plan_revision";

/// What tells which of the records that were there before one is about.
const IDENTITY: [&str; 6] = ["pid", "starttime", "target", "pattern", PLAN, "plan_item"];

/// Standard input.
#[derive(Default)]
pub(super) struct Stream {
    /// `None` once it has ended.
    rows: Option<Rows>,
    /// The newest revision of each plan.
    revisions: BTreeMap<String, u64>,
}

impl Stream {
    /// Whether records may come.
    pub(super) fn goes_on(&self) -> bool {
        self.rows.is_some()
    }
}

impl Watch<'_> {
    /// Reads standard input until it ends, or turns out to be a stream: of a plain list, any record may name the namespace of the
    /// other end of a link.
    pub(super) fn begin_stream(&mut self) -> Result<()> {
        let (rows, mut all) = (Rows::begin()?, Vec::new());
        let goes_on = loop {
            let batch = rows.next()?;
            let is_end = batch.is_empty();
            let is_stream = batch.iter().any(|row| row.record.as_ref().is_ok_and(is_of_a_stream));
            all.extend(batch);
            if is_stream || is_end {
                break is_stream;
            }
        };
        if goes_on {
            self.waiting.add_input(&rows)?;
            self.stream.rows = Some(rows);
        }
        self.take(all)
    }

    /// Takes what has come of the stream.
    pub(super) fn take_rows(&mut self) -> Result<()> {
        let Some(rows) = &self.stream.rows else { return Ok(()) };
        let batch = rows.next();
        if !batch.as_ref().is_ok_and(|batch| !batch.is_empty()) {
            self.stream.rows = None;
        }
        match batch {
            Ok(batch) => self.take(batch),
            Err(error) => {
                self.following.answers.push(Err(error));
                self.print()
            }
        }
    }

    /// All namespaces that have come are opened before the first of them is listed: they are wired to each other.
    fn take(&mut self, batch: Vec<Row>) -> Result<()> {
        let mut come = Vec::new();
        for row in batch {
            let taken = match row.record {
                Ok(record) => self.take_record(record, &mut come)?,
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                self.following.answers.push(Err(error.prefix(format!("line {}", row.number))));
                self.print()?;
            }
        }
        for (key, arrival) in come {
            self.begin_with(key, arrival)?;
        }
        Ok(())
    }

    /// Takes one record. The outer failure ends the run.
    fn take_record(&mut self, mut record: Record, come: &mut Vec<(Key, &'static str)>) -> Result<Result<()>> {
        self.replace_older(&record)?;
        let event = match record.text(EVENT) {
            Ok(event) => event.map(str::to_owned),
            Err(error) => return Ok(Err(error)),
        };
        let known = self.told_of(&record);
        // What is printed is about links.
        record.remove_all(&[EVENT, WAS]);
        let arrival = match (event.as_deref(), known) {
            (Some(change::GONE), None) => return Ok(Ok(())),
            (Some(change::GONE), Some(key)) => return self.let_go(key).map(|_| Ok(())),
            (Some(change::CHANGED), Some(key)) => {
                self.following.rename(key, record);
                return Ok(Ok(()));
            }
            (None | Some(change::PRESENT), _) => change::PRESENT,
            (Some(_), _) => change::ARRIVED,
        };
        // Of a file that leads nowhere any more no stream tells.
        let origin = if event.is_some() && has_process(&record) { Origin::Streamed } else { Origin::Asked };
        let opened = input::open(&record, self.home, self.args).map(|listing| Listing { origin, ..listing });
        Ok(match input::add(record, opened, &mut self.following.listings, &mut self.files) {
            Ok(key) => {
                come.push((key, arrival));
                Ok(())
            }
            // It has ended meanwhile, which the stream will tell.
            Err(error) if origin == Origin::Streamed && error.status() == Status::No => Ok(()),
            Err(error) => Err(error),
        })
    }

    /// The listing of the container that a record is about, as that was before.
    fn told_of(&self, record: &Record) -> Option<Key> {
        let was = record.get(WAS);
        let before = |field| was.and_then(|was| was.get(field)).or_else(|| record.get(field));
        let is_it = |listing: &Listing| IDENTITY.iter().all(|field| listing.record.get(field) == before(field));
        let streamed = self.following.listings.iter().filter(|(_, listing)| listing.origin == Origin::Streamed);
        streamed.filter(|(_, listing)| is_it(listing)).map(|(key, _)| key).next()
    }

    /// The records of a newer revision replace all older ones of their plan.
    fn replace_older(&mut self, record: &Record) -> Result<()> {
        let (Some(plan), Some(revision)) = (record.get(PLAN).and_then(Value::as_str), revision(record)) else {
            return Ok(());
        };
        if self.stream.revisions.insert(plan.to_owned(), revision).is_none_or(|before| before == revision) {
            return Ok(());
        }
        let is_older = |other: &Record| {
            other.get(PLAN).and_then(Value::as_str) == Some(plan)
                && self::revision(other).is_some_and(|r| r != revision)
        };
        let listings = self.following.listings.iter().filter(|(_, listing)| is_older(&listing.record));
        let older: Vec<Key> = listings.map(|(key, _)| key).collect();
        self.files.retain(|file| !is_older(&file.record));
        older.into_iter().try_for_each(|key| self.let_go(key).map(drop))
    }
}

fn has_process(record: &Record) -> bool {
    record.get("pid").is_some_and(|pid| !pid.is_null())
}

fn revision(record: &Record) -> Option<u64> {
    record.get(REVISION)?.as_u64()
}

/// Whether more is to come about a record's container, or of its plan.
fn is_of_a_stream(record: &Record) -> bool {
    [EVENT, REVISION].iter().any(|field| record.get(field).is_some_and(|value| !value.is_null()))
}
