//! What would be done: the field `steps` of a record, with `--dry-run`.

use nicon_core::Record;
use nicon_core::filter::table::Column;

/// The field.
pub(crate) const STEPS: &str = "steps";

/// It, as a column of a table.
pub(crate) const COLUMN: Column = Column { title: "STEPS", cell };

fn cell(record: &Record) -> String {
    let steps = record.get(STEPS).and_then(|steps| steps.as_array()).map(Vec::as_slice).unwrap_or_default();
    let steps: Vec<_> = steps.iter().filter_map(|step| step.as_str()).collect();
    if steps.is_empty() { "nothing to do".to_owned() } else { steps.join("; ") }
}

/// Whether a record has any.
pub(crate) fn are_left(record: &Record) -> bool {
    record.get(STEPS).and_then(|steps| steps.as_array()).is_some_and(|steps| !steps.is_empty())
}
