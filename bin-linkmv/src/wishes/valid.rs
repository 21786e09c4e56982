//! Values of options that become fields of a record.

use std::str::FromStr;

use nicon_core::suggest::several;
use nicon_core::{Error, Result};

/// A text that is a `T`. It is kept as text, since that is what the field has.
///
/// # Errors
/// What it cannot be.
pub(crate) fn valid<T: FromStr<Err = Error>>(text: &str) -> Result<String> {
    text.parse::<T>().map(|_| text.to_owned()).map_err(|error| match several(text, |part| part.parse::<T>().is_ok()) {
        Some(_) => error.suffix(" (to give several, repeat the option)"),
        None => error,
    })
}
