//! Records whose act failed. If they have earlier deeds, `--undo` needs them, so they go on, but no program acts on them.

use nicon_core::filter::stream::Answers;
use nicon_core::{Error, Record, Result};

use super::deed::has_deeds;

/// The field that says why.
pub(crate) const FAILED: &str = "failed";

/// Reports an error, and prints those of its records that have earlier deeds.
///
/// # Errors
/// Only where standard output itself fails.
pub(crate) fn give(
    answers: &mut Answers,
    line: Option<u64>,
    records: impl IntoIterator<Item = Record>,
    error: Error,
) -> Result<()> {
    let left: Vec<_> = records.into_iter().filter_map(|record| mark(record, &error.to_string())).collect();
    answers.give(line, Err(error))?;
    left.into_iter().try_for_each(|record| answers.give(line, Ok(record)))
}

/// The record as it goes on after a failure, if it has earlier deeds.
pub(crate) fn mark(mut record: Record, why: &str) -> Option<Record> {
    if !has_deeds(&record) {
        return None;
    }
    if record.get(FAILED).is_none() {
        record.set(FAILED, why);
    }
    Some(record)
}
