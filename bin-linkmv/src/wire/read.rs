//! Standard input: all records of a run, or a stream of which more come as long as it goes on.

use nicon_core::filter::interrupt::{Interrupt, Interruptible};
use nicon_core::filter::stream::{Lines, RECORDS};
use nicon_core::{Record, Result};
use std::io::StdinLock;

use crate::wire::args::Args;

/// A line's number, and the record in it.
pub(crate) struct Row {
    pub(crate) number: u64,
    pub(crate) record: Result<Record>,
}

/// The lines of standard input.
pub(crate) struct Rows<'a>(Lines<Interruptible<'a, StdinLock<'static>>>);

/// What was read.
pub(crate) enum Read<'a> {
    /// All of it.
    Whole(Vec<Row>),
    /// What has come of a stream so far, and what it goes on with.
    Stream(Vec<Row>, Rows<'a>),
}

impl<'a> Read<'a> {
    /// Reads until the input ends, or turns out to be a stream.
    ///
    /// # Errors
    /// If standard input cannot be read.
    pub(crate) fn stdin(interrupt: &'a Interrupt, args: &Args) -> Result<Self> {
        let hint = match (args.check, args.destroy) {
            (true, _) => "run nicon check FILE",
            (_, true) => "run nicon destroy FILE",
            _ => "run nicon wire FILE",
        };
        let (mut rows, mut all) = (Rows(Lines::stdin_until(interrupt, hint)?), Vec::new());
        loop {
            let batch = rows.next()?;
            let is_stream = batch.iter().any(|row| row.record.as_ref().is_ok_and(is_of_a_stream));
            let is_end = batch.is_empty();
            all.extend(batch);
            if is_stream {
                return Ok(Self::Stream(all, rows));
            }
            if is_end {
                return Ok(Self::Whole(all));
            }
        }
    }
}

impl Rows<'_> {
    /// The rows that can be read without waiting, and at least one; none at the end of the input.
    ///
    /// # Errors
    /// If standard input cannot be read.
    pub(crate) fn next(&mut self) -> Result<Vec<Row>> {
        let row = |line: &nicon_core::filter::stream::Line| Row { number: line.number, record: line.record(RECORDS) };
        Ok(self.0.batch()?.iter().map(row).collect())
    }
}

/// Whether more is to come about a record's container, or of its plan.
fn is_of_a_stream(record: &Record) -> bool {
    ["event", "plan_revision"].iter().any(|field| record.get(field).is_some_and(|value| !value.is_null()))
}
