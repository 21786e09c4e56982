//! Records that a program passes on because they ask nothing of it.

use nicon_core::Record;

use super::act::Act;
use super::deed::has_deeds;
use super::failed::FAILED;
use super::undone::UNDONE;

/// Whether no program may act on a record: one of its acts failed, or its container is gone.
pub(crate) fn is_passed_over(record: &Record) -> bool {
    let is_gone = record.get("event").is_some_and(|event| event == "gone");
    is_gone || record.get(FAILED).is_some_and(|failed| !failed.is_null())
}

/// Whether it is not even known that the container of a record is gone.
pub(crate) fn is_unknown(record: &Record) -> bool {
    record.get("unknown").is_some_and(|why| !why.is_null())
}

/// Whether a record means anything to any program for links. If not, it may be a mistake.
fn is_meant(record: &Record) -> bool {
    let has = |field: &&str| record.get(field).is_some_and(|value| !value.is_null());
    !matches!(Act::of(record), Ok(None))
        || has_deeds(record)
        || is_passed_over(record)
        || ["expected_pid", UNDONE].iter().any(has)
}

/// The records that a program passes on. If no record of its whole input means anything, its author probably forgot to say what
/// should be done, and should be told. So such records are held back until the first one that does.
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
