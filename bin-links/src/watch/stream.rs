//! Records that tell of containers while those are watched, and what is to be done about each.

use std::collections::BTreeMap;

use nicon_core::{Record, Result};
use serde_json::Value;

use super::change;
use super::rows::{Row, Rows};
use crate::listing::{Listing, Origin};
use crate::listings::{Key, Listings};

/// What a record says of its container, and not of its links.
const EVENT: &str = "event";
const WAS: &str = "was";

/// Which plan a record is of, and how often that has said something else.
const PLAN: &str = "plan";
const REVISION: &str = "plan_revision";

/// What tells which earlier record a record is about.
const IDENTITY: [&str; 6] = ["pid", "starttime", "target", "pattern", PLAN, "plan_item"];

/// Standard input.
#[derive(Default)]
pub(super) struct Stream {
    /// `None` once it has ended.
    rows: Option<Rows>,
    /// The newest revision of each plan.
    revisions: BTreeMap<String, u64>,
}

/// What a record tells.
pub(super) enum Told {
    /// This is to be followed; what has happened to its links.
    Come(Record, Origin, &'static str),
    /// A container that is followed has another record.
    Changed(Key, Record),
    /// A container that is followed is gone.
    Gone(Key),
    Nothing,
}

impl Stream {
    /// Reads standard input until it ends, or turns out to be a stream: of a plain list, any record may name the namespace of the
    /// other end of a link.
    ///
    /// # Errors
    /// If standard input is a terminal, or cannot be read.
    pub(super) fn begin() -> Result<(Self, Vec<Row>)> {
        let (rows, mut all) = (Rows::begin()?, Vec::new());
        loop {
            let batch = rows.next()?;
            let is_end = batch.is_empty();
            let is_stream = batch.iter().any(|row| row.record.as_ref().is_ok_and(is_of_a_stream));
            all.extend(batch);
            if is_stream || is_end {
                return Ok((Self { rows: is_stream.then_some(rows), ..Self::default() }, all));
            }
        }
    }

    /// The rows that may come, if any.
    pub(super) fn rows(&self) -> Option<&Rows> {
        self.rows.as_ref()
    }

    /// The rows that have come.
    ///
    /// # Errors
    /// If standard input cannot be read. That is its end.
    pub(super) fn next(&mut self) -> Result<Vec<Row>> {
        let batch = self.rows.as_ref().map_or(Ok(Vec::new()), Rows::next);
        if !batch.as_ref().is_ok_and(|batch| !batch.is_empty()) {
            self.rows = None;
        }
        batch
    }

    /// Whether a record is the first of a newer revision of its plan. It takes the place of all records of older ones.
    pub(super) fn is_newer(&mut self, record: &Record) -> bool {
        let Some((plan, revision)) = revision(record) else { return false };
        let before = self.revisions.get(plan).copied();
        if before.is_none_or(|before| before < revision) {
            self.revisions.insert(plan.to_owned(), revision);
        }
        before.is_some_and(|before| before < revision)
    }

    /// Whether a newer revision of its plan has taken the place of a record.
    pub(super) fn is_replaced(&self, record: &Record) -> bool {
        revision(record)
            .is_some_and(|(plan, revision)| self.revisions.get(plan).is_some_and(|newest| revision < *newest))
    }
}

/// What a record tells while these are followed.
///
/// # Errors
/// If its event is no text.
pub(super) fn told(mut record: Record, listings: &Listings) -> Result<Told> {
    let event = record.text(EVENT)?.map(str::to_owned);
    let known = listing_before(&record, listings);
    // What is printed is about links.
    record.remove_all(&[EVENT, WAS]);
    // No stream tells of a file that leads nowhere any more.
    let has_process = record.get("pid").is_some_and(|pid| !pid.is_null());
    let origin = if event.is_some() && has_process { Origin::Streamed } else { Origin::Asked };
    Ok(match (event.as_deref(), known) {
        (Some(change::GONE), known) => known.map_or(Told::Nothing, Told::Gone),
        (Some(change::CHANGED), Some(key)) => Told::Changed(key, record),
        (None | Some(change::PRESENT), _) => Told::Come(record, origin, change::PRESENT),
        (Some(_), _) => Told::Come(record, origin, change::ARRIVED),
    })
}

/// The listing of the container that a record is about, as that was before.
fn listing_before(record: &Record, listings: &Listings) -> Option<Key> {
    let was = record.get(WAS);
    let before = |field| was.and_then(|was| was.get(field)).or_else(|| record.get(field));
    let is_it = |listing: &Listing| IDENTITY.iter().all(|field| listing.record.get(field) == before(field));
    let mut streamed = listings.iter().filter(|(_, listing)| listing.origin == Origin::Streamed);
    streamed.find(|(_, listing)| is_it(listing)).map(|(key, _)| key)
}

/// The plan of a record, and its revision.
fn revision(record: &Record) -> Option<(&str, u64)> {
    Some((record.get(PLAN)?.as_str()?, record.get(REVISION)?.as_u64()?))
}

/// Whether more is to come about a record's container, or of its plan.
fn is_of_a_stream(record: &Record) -> bool {
    [EVENT, REVISION].iter().any(|field| !record.get(field).is_none_or(Value::is_null))
}
