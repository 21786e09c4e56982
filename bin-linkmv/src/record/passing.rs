//! Records that a program passes on because they ask nothing of it.

use nicon_core::Record;

use super::act::Act;
use super::deed::has_deeds;
use super::failed::FAILED;

/// Whether no program may act on a record: an earlier act of it failed, or its container is gone.
pub(crate) fn is_passed_over(record: &Record) -> bool {
    let is_gone = record.get("event").is_some_and(|event| event == "gone");
    is_gone || record.get(FAILED).is_some_and(|failed| !failed.is_null())
}

/// Whether a record means something to some program for links. One that does not may be a mistake.
fn is_meant(record: &Record) -> bool {
    let has = |field: &&str| record.get(field).is_some_and(|value| !value.is_null());
    !matches!(Act::of(record), Ok(None))
        || has_deeds(record)
        || is_passed_over(record)
        || ["expected_pid", "undone"].iter().any(has)
}

/// The records that a program passes on. If nothing in its whole input means anything to any program, whoever wrote it has
/// forgotten to say what is to be done, and must hear of it: such records are held back until the first that means something.
#[derive(Default)]
pub(crate) struct Passing {
    held: Vec<(u64, Record)>,
    is_meant: bool,
}

impl Passing {
    /// The records to be given now: this one, and those that were held back, or none.
    pub(crate) fn pass(&mut self, line: u64, record: Record) -> Vec<(u64, Record)> {
        self.is_meant |= is_meant(&record);
        self.held.push((line, record));
        if self.is_meant { std::mem::take(&mut self.held) } else { Vec::new() }
    }

    /// The records to be given before one that is acted on.
    pub(crate) fn release(&mut self) -> Vec<(u64, Record)> {
        self.is_meant = true;
        std::mem::take(&mut self.held)
    }

    /// Whether there were records, and none of them meant anything.
    pub(crate) fn is_a_mistake(&self) -> bool {
        !self.held.is_empty()
    }
}
