//! The namespace that the field `from` of a record names.

use nicon_core::link::kind::TARGETS_OWN;
use nicon_core::{Record, Result};
use nicon_rtnl::NetnsHandle;
use serde_json::Value;

/// The field.
const FROM: &str = "from";

/// What it says.
pub(crate) enum Said<'a> {
    /// It is absent, which means ours.
    Nothing,
    /// The record's own.
    Target,
    Named(&'a Value),
}

/// What the field of a record says.
pub(crate) fn said(record: &Record) -> Said<'_> {
    match record.get(FROM) {
        None | Some(Value::Null) => Said::Nothing,
        Some(from) if from == TARGETS_OWN => Said::Target,
        Some(from) => Said::Named(from),
    }
}

/// Opens one that is named, by way of another: what is open there is reused if it is the same.
///
/// # Errors
/// As [`NetnsHandle::open_field`].
pub(super) fn open(from: &Value, by: &NetnsHandle) -> Result<NetnsHandle> {
    by.open_field(FROM, from)
}

/// Opens it: a record's own network namespace for the word `target`, ours if the field is absent.
///
/// # Errors
/// As [`NetnsHandle::open_field`].
pub(crate) fn open_from(record: &Record, own: &NetnsHandle, home: &NetnsHandle) -> Result<NetnsHandle> {
    match said(record) {
        Said::Nothing => Ok(home.clone()),
        Said::Target => Ok(own.clone()),
        Said::Named(from) => open(from, home),
    }
}
