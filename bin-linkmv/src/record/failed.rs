//! Records whose act failed. If they have earlier deeds, `--undo` needs them, so they go on, but no program acts on them.

use nicon_core::Record;

use super::deed::has_deeds;

/// The field that says why.
pub(crate) const FAILED: &str = "failed";

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
