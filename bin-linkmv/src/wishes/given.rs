//! Options that were given, as fields of a record.

use nicon_core::Record;
use serde::Serialize;

/// Sets a field to the value of an option, if it was given.
pub(crate) fn set(record: &mut Record, field: &str, value: Option<&impl Serialize>) {
    if let Some(value) = value {
        record.set(field, value);
    }
}

/// Sets a field to all values of an option that can be repeated, if there are any.
pub(crate) fn set_list(record: &mut Record, field: &str, values: &[String]) {
    if !values.is_empty() {
        record.set(field, values);
    }
}
