//! One thing that is to be done: a link is moved, a pair or a single link is made.

use nicon_core::Record;
use nicon_core::path::HOST;
use nicon_core::record::cell;
use nicon_rtnl::record::label;
use serde_json::Value;

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

    /// The links that have to be there before: the master, and the link that this one sits on.
    pub(crate) fn needs(&self) -> impl Iterator<Item = Place> {
        self.records.iter().flat_map(|(_, record)| {
            let from = match record.get("from") {
                None | Some(Value::Null) => HOST.to_owned(),
                Some(from) if from == "target" => label(record),
                Some(from) => cell(Some(from)),
            };
            let of =
                |field: &str, place: String| record.text(field).ok().flatten().map(|name| (place, name.to_owned()));
            of("master", label(record)).into_iter().chain(of("parent", from))
        })
    }
}

/// A link by the names of its place and of itself.
type Place = (String, String);

/// The link that a record asks for.
pub(crate) fn made(record: &Record) -> Option<Place> {
    record.text("name").ok().flatten().map(|name| (label(record), name.to_owned()))
}
