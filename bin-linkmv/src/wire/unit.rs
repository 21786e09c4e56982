//! One thing that is to be done: a link is moved, a pair or a single link is made.

use nicon_core::Record;

use crate::record::act::Act;

/// One act, and the records that ask for it: both ends of a pair, else one.
pub(crate) struct Unit {
    pub(crate) act: Act,
    /// With the numbers of their lines.
    pub(crate) records: Vec<(u64, Record)>,
}

impl Unit {
    /// Where it comes in the order of acts: what others need is done before them. A bridge is there before its ports, and a link
    /// before those that sit on it.
    pub(crate) fn turn(&self) -> u8 {
        let needs =
            |field: &str| self.records.iter().any(|(_, record)| record.get(field).is_some_and(|v| !v.is_null()));
        match self.act {
            Act::Kind if !needs("parent") && !needs("stitch") => 0,
            Act::Link => 1,
            Act::Pair => 2,
            Act::Kind => 3,
        }
    }
}
