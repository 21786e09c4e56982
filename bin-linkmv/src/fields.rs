//! Fields of records that several programs read.

use std::str::FromStr;

use nicon_core::{Error, Record, Result};
use serde_json::Value;

/// What messages call a record's process: the path that was asked for, or its PID.
#[must_use]
pub fn label(record: &Record) -> String {
    match record.text("target") {
        Ok(Some(target)) => target.to_owned(),
        _ => format!("process {}", record.cell("pid")),
    }
}

/// The items of a field that is a list of texts, such as `addr`, or one text alone; none where it is absent.
///
/// # Errors
/// Where it is anything else, or an item cannot be understood.
pub fn list<T: FromStr<Err = Error>>(record: &Record, field: &str, example: &str) -> Result<Vec<T>> {
    let wrong = || Error::failed(format!("field \"{field}\": expected a list like [\"{example}\"]"));
    match record.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(item)) => Ok(vec![item.parse()?]),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().ok_or_else(wrong)?.parse()).collect(),
        Some(_) => Err(wrong()),
    }
}
