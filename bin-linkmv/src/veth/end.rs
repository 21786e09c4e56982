//! What one end of a pair is to be like.

use nicon_core::{Error, Record, Result};

use crate::making::new_link::NewLink;

/// Wishes about a link that is moved, which say nothing of one that is made.
const NOT_OF_A_PAIR: [&str; 2] = ["from", "keep"];

/// The end that a record asks for.
///
/// # Errors
/// If the record has no name for it, cannot be understood, or asks for what no end could have.
pub(crate) fn end_of(record: &Record) -> Result<NewLink> {
    let asked = |field: &&&str| record.get(field).is_some_and(|value| !value.is_null());
    if let Some(field) = NOT_OF_A_PAIR.iter().find(asked) {
        return Err(Error::failed(format!("field \"{field}\": only a link that is moved has it, no end of a pair")));
    }
    let name = record.text("name")?.ok_or_else(|| Error::failed("neither NAME nor a \"name\" in the record"))?;
    NewLink::new(name.parse()?, record)
}
