//! The columns of tables of records that tell of links.

use nicon_core::Record;
use nicon_core::filter::column::Column;
use nicon_core::record::cell;
use nicon_rtnl::record::{MAC, NIC, TARGET};

use super::{deed, steps, undone};

/// The name of the link.
pub(crate) const NAME: Column = Column::new("NAME", name);

/// Its interface index.
pub(crate) const IFINDEX: Column = Column::new("IFINDEX", |record| of_link(record, "ifindex"));

/// What was done to it last, in a word.
pub(crate) const DONE: Column =
    Column::new("DONE", |record| deed::word(record).map_or_else(|| undone::words(record), str::to_owned));

/// What would be done.
pub(crate) const STEPS: Column = Column::new("STEPS", steps::cell).of_lists();

/// Those of links that are where they are to be, or that were taken away.
pub(crate) const THERE: &[Column] = &[TARGET, NAME, IFINDEX, MAC, DONE];

/// Those of links that would be made.
pub(crate) const PLANNED: &[Column] = &[TARGET, STEPS];

/// A fact about a link. Of one that was taken away, only what was undone tells any.
fn of_link(record: &Record, field: &str) -> String {
    record.get(NIC).map_or_else(|| undone::of_each(record, field), |nic| cell(nic.get(field)))
}

/// The name of the link that is there or was, or else of the one that is asked for.
fn name(record: &Record) -> String {
    let is_known = [NIC, undone::UNDONE].iter().any(|field| record.get(field).is_some());
    if is_known { of_link(record, "name") } else { cell(record.get("name").or(record.get("link"))) }
}
