//! What would be done: the field `steps` of a record, with `--dry-run`.

use nicon_core::Record;
use serde_json::Value;

/// The field.
pub(crate) const STEPS: &str = "steps";

/// It, as a cell of a table: a line for each.
pub(crate) fn cell(record: &Record) -> String {
    let steps = record.get(STEPS).and_then(|steps| steps.as_array()).map(Vec::as_slice).unwrap_or_default();
    let steps: Vec<_> = steps.iter().filter_map(|step| step.as_str()).collect();
    if steps.is_empty() { "nothing to do".to_owned() } else { steps.join("\n") }
}

/// The steps of a record, as it has them; an empty list if it has none.
pub(crate) fn of(record: &Record) -> Value {
    record.get(STEPS).cloned().unwrap_or_else(|| Value::Array(Vec::new()))
}
