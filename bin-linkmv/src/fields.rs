//! Fields of records that several programs read.

use nicon_core::Record;

/// What messages call a record's process: the path that was asked for, or its PID.
#[must_use]
pub fn label(record: &Record) -> String {
    match record.text("target") {
        Ok(Some(target)) => target.to_owned(),
        _ => format!("process {}", record.cell("pid")),
    }
}
