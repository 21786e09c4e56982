//! One thing that is to be done: a link is moved, a pair or a single link is made.

use nicon_core::link::AltName;
use nicon_core::link::kind::TARGETS_OWN;
use nicon_core::path::HOST;
use nicon_core::record::cell;
use nicon_core::{Error, Record};
use nicon_rtnl::record::label;
use serde_json::Value;

use crate::link::from::open_from;
use crate::link::namespaces::Namespaces;
use crate::record::act::Act;
use crate::record::naming::named;
use crate::record::passing::{is_passed_over, is_unknown};

/// Whether a record's link is treated on its own, whatever becomes of the others of its plan.
pub(crate) fn is_each(record: &Record) -> bool {
    record.get("each").is_some_and(|each| *each == true)
}

/// One act, and the records that ask for it: both ends of a pair, else one.
pub(crate) struct Unit {
    pub(crate) act: Act,
    /// With the numbers of their lines.
    pub(crate) records: Vec<(u64, Record)>,
}

impl Unit {
    /// Its turn among units that do not need each other. A link that sits on others still comes after them: it may call them by
    /// other names than the records that make them.
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

    /// Whether nothing can be done for it now: a container is not there, or an earlier program has failed.
    pub(crate) fn is_away(&self) -> bool {
        self.records.iter().any(|(_, record)| is_passed_over(record))
    }

    /// Whether a container of it may be there, although nobody can say.
    pub(crate) fn is_unknown(&self) -> bool {
        self.records.iter().any(|(_, record)| is_unknown(record))
    }

    /// An error that says which unit it is about.
    pub(crate) fn named(&self, error: Error) -> Error {
        let records: Vec<Record> = self.records.iter().map(|(_, record)| record.clone()).collect();
        named(error, self.last_line(), &records)
    }

    /// The number of its last line.
    pub(crate) fn last_line(&self) -> Option<u64> {
        self.records.last().map(|(line, _)| *line)
    }

    /// The inode numbers of the namespaces in which it is done, and from which its links come; `None` for one that cannot be opened.
    pub(crate) fn places(&self, namespaces: &Namespaces) -> impl Iterator<Item = Option<u64>> {
        self.records.iter().flat_map(|(_, record)| {
            let netns = namespaces.of_record(record).ok();
            let ino = netns.as_ref().map(|netns| netns.ns.id().ino);
            let from = netns.and_then(|netns| open_from(record, &netns, &namespaces.home).ok());
            let from = (self.act != Act::Pair).then(|| from.map(|from| from.ns.id().ino));
            [Some(ino), from].into_iter().flatten()
        })
    }

    /// What messages call it: the links that it is about, and their places.
    pub(crate) fn words(&self) -> String {
        let name = |record: &Record| cell(record.get("name").or_else(|| record.get("link")));
        let links = self.records.iter().map(|(_, record)| format!("{} in {}", name(record), label(record)));
        links.collect::<Vec<_>>().join(" and ")
    }

    /// Whether all of it belongs to a plan.
    pub(crate) fn is_planned(&self) -> bool {
        self.records.iter().all(|(_, record)| record.get("plan").is_some())
    }

    /// The links that have to be there before: the master, the link that this one sits on, and the one that it is stitched to.
    pub(crate) fn needs(&self) -> impl Iterator<Item = Place> {
        self.records.iter().flat_map(|(_, record)| {
            let from = match record.get("from") {
                None | Some(Value::Null) => HOST.to_owned(),
                Some(from) if from == TARGETS_OWN => label(record),
                Some(from @ Value::Object(_)) => {
                    Record::parse(&from.to_string()).map_or_else(|_| cell(Some(from)), |from| label(&from))
                }
                Some(from) => cell(Some(from)),
            };
            let of =
                |field: &str, place: String| record.text(field).ok().flatten().map(|name| (place, name.to_owned()));
            [of("master", label(record)), of("parent", from), of("stitch", label(record))].into_iter().flatten()
        })
    }
}

/// A link by the names of its place and of itself.
pub(crate) type Place = (String, String);

/// What the link that a record asks for is called: its name and its alternative names, each with its place.
pub(crate) fn made(record: &Record) -> impl Iterator<Item = Place> {
    let name = ["name", "link"].iter().find_map(|field| record.text(field).ok().flatten()).map(str::to_owned);
    let altnames = record.list::<AltName>("altname", "uplink").unwrap_or_default();
    let altnames = altnames.into_iter().map(|altname| altname.to_string());
    name.into_iter().chain(altnames).map(|name| (label(record), name))
}
