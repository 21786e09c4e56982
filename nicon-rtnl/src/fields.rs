//! Fields of records that several programs read or show.

use nicon_core::Record;
use nicon_core::filter::table::Column;

/// Where records come from: for who pipes something else in.
pub const RECORDS: &str = "nicon-resolve prints one for each container";

/// Where a link is: what messages call its process.
pub const TARGET: Column = Column { title: "TARGET", cell: label };
/// Its name.
pub const NAME: Column = Column { title: "NAME", cell: |record| record.cell("name") };
/// Its interface index.
pub const IFINDEX: Column = Column { title: "IFINDEX", cell: |record| record.cell("ifindex") };
/// Its hardware address.
pub const MAC: Column = Column { title: "MAC", cell: |record| record.cell("mac") };
/// Whether anything had to be done.
pub const CHANGED: Column = Column { title: "CHANGED", cell: |record| record.cell("changed") };

/// What messages call a record's process: the path that was asked for, or its PID.
#[must_use]
pub fn label(record: &Record) -> String {
    match record.text("target") {
        Ok(Some(target)) => target.to_owned(),
        _ => format!("process {}", record.cell("pid")),
    }
}
