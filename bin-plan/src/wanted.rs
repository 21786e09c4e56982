//! What a link asks for: a record, and where in the plan that is.

use nicon_core::Record;

use crate::fault::Position;

/// A record, and where it was asked for.
pub(crate) struct Wanted {
    pub(crate) record: Record,
    pub(crate) position: Position,
    /// Which of the plan's network namespaces its target has: that of another target, where both share one.
    pub(crate) namespace: String,
}

impl Wanted {
    /// A record whose target has a namespace of its own.
    pub(crate) fn new(record: Record, position: Position) -> Self {
        let namespace = record.cell("target");
        Self { record, position, namespace }
    }
}
