//! Where a link is, as `from` says it.

use std::str::FromStr;

use nicon_core::link::Target;
use nicon_core::link::kind::TARGETS_OWN;
use nicon_core::{Error, Result};

/// What `--from` takes.
#[derive(Clone, Debug)]
pub(crate) enum From {
    /// The target itself.
    Target,
    /// A network namespace.
    Netns(Target),
}

impl FromStr for From {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == TARGETS_OWN { Ok(Self::Target) } else { text.parse().map(Self::Netns) }
    }
}
