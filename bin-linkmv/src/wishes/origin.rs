//! Where a link is, as `from` says it.

use std::str::FromStr;

use nicon_core::link::Target;
use nicon_core::{Error, Result};
use serde_json::Value;

/// The word for the target itself. A network namespace of that name is `netns:target`.
const TARGET: &str = "target";

/// What `--from` takes.
#[derive(Clone, Debug)]
pub(crate) enum From {
    /// The target itself.
    Target,
    /// A network namespace.
    Netns(Target),
}

/// Whether the field `from` of a record means the target itself.
pub(crate) fn is_target(from: &Value) -> bool {
    from.as_str() == Some(TARGET)
}

impl FromStr for From {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == TARGET { Ok(Self::Target) } else { text.parse().map(Self::Netns) }
    }
}
