//! The namespace that the field `from` of a record names.

use nicon_core::link::kind::TARGETS_OWN;
use nicon_core::{Record, Result};
use nicon_rtnl::NetnsHandle;
use serde_json::Value;

/// The field.
pub(super) const FROM: &str = "from";

/// Opens it: a record's own network namespace for the word `target`, ours if the field is absent.
///
/// # Errors
/// As [`NetnsHandle::open_field`].
pub(crate) fn open_from(record: &Record, own: &NetnsHandle, home: &NetnsHandle) -> Result<NetnsHandle> {
    match (named(record), record.get(FROM)) {
        (Some(from), _) => home.open_field(FROM, from),
        (None, Some(Value::String(_))) => Ok(own.clone()),
        (None, _) => Ok(home.clone()),
    }
}

/// What the field says, unless it is absent or means the record's own.
pub(super) fn named(record: &Record) -> Option<&Value> {
    record.get(FROM).filter(|from| !from.is_null() && *from != TARGETS_OWN)
}
