//! The namespace that the field `from` of a record names.

use nicon_core::link::kind::TARGETS_OWN;
use nicon_core::{Record, Result};
use nicon_rtnl::NetnsHandle;

/// Opens it: a record's own network namespace for the word `target`, ours if the field is absent. What is open in the `last` one
/// is reused.
///
/// # Errors
/// As [`NetnsHandle::open_field`].
pub(crate) fn open_from(
    record: &Record,
    own: &NetnsHandle,
    last: &NetnsHandle,
    home: &NetnsHandle,
) -> Result<NetnsHandle> {
    match record.get("from").filter(|from| !from.is_null()) {
        None => Ok(home.clone()),
        Some(from) if from == TARGETS_OWN => Ok(own.clone()),
        Some(from) => last.open_field("from", from),
    }
}
