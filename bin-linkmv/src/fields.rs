//! Fields of a record, as messages and tables show them.

use nicon_core::Record;

/// What messages call a record's process: the path that was asked for, or its PID.
#[must_use]
pub fn label(record: &Record) -> String {
    match record.text("target") {
        Ok(Some(target)) => target.to_owned(),
        _ => format!("process {}", shown(record, "pid")),
    }
}

/// A field as a table's cell shows it.
#[must_use]
pub fn shown(record: &Record, field: &str) -> String {
    match record.text(field) {
        Ok(Some(text)) => text.to_owned(),
        Ok(None) => "-".to_owned(),
        Err(_) => record.get(field).map(ToString::to_string).unwrap_or_default(),
    }
}
