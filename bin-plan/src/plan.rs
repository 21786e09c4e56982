//! What a plan says, in whatever form it was written: its records, and its faults.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use nicon_core::link::kind::KindSpec;
use nicon_core::link::{AltName, LinkSpec, NewName, Selector};
use nicon_core::path::HOST;
use nicon_core::{Error, Record, Result};
use serde::Serialize;

use crate::fault::{Fault, Position, START};
use crate::machines::{Here, Machines};
use crate::wanted::Wanted;

/// The records and faults of a plan, in its order.
#[derive(Default)]
pub(crate) struct Plan {
    /// The name that it gives itself, and where; once it is finished, the one that it has.
    pub(crate) name: Option<(String, Position)>,
    pub(crate) records: Vec<Record>,
    pub(crate) faults: Vec<Fault>,
    /// The machines that it is for; `None` if it is for one alone.
    pub(crate) machines: Option<Machines>,
    /// The links that are moved out of each namespace, and the names that links get in each. Both must be unique.
    taken: HashMap<(Side, String), Position>,
}

/// A side of a move, with the plan's name for the namespace.
#[derive(PartialEq, Eq, Hash)]
enum Side {
    From(String),
    To(String),
}

/// Makes sure that a field of a record has a value that the program which reads it would take.
///
/// # Errors
/// Why it would not.
pub(crate) fn check_wish(field: &str, value: impl Serialize) -> std::result::Result<(), String> {
    let mut record = Record::default();
    record.set(field, value);
    LinkSpec::from_record(&record).map(drop).map_err(|error| without_field(&error, field))
}

/// An error about a field, without the name of the field: its key is told.
pub(crate) fn without_field(error: &Error, field: &str) -> String {
    let told = error.to_string();
    told.strip_prefix(&format!("field \"{field}\": ")).map(str::to_owned).unwrap_or(told)
}

/// The record of a plan that asks for nothing.
pub(crate) fn of_nothing(plan: &str) -> Record {
    let mut record = Record::default();
    record.set("target", HOST);
    record.set("plan", plan);
    record.set("plan_size", 0);
    record.set("plan_item", 0);
    record
}

impl Plan {
    /// A plan that has faults, and no records yet.
    pub(crate) fn with_faults(faults: Vec<Fault>) -> Self {
        Self { faults, ..Self::default() }
    }

    /// A plan without links.
    pub(crate) fn without_links(name: Option<(String, Position)>) -> Self {
        Self { name, ..Self::default() }
    }

    /// Adds the records of one link, if all of them are right together and with those before.
    pub(crate) fn add(&mut self, link: Vec<Wanted>) {
        let before = self.faults.len();
        for Wanted { record, position, namespace } in &link {
            if let Err(error) = self.check(record, *position, namespace) {
                self.faults.push(position.fault(error.to_string()));
            }
        }
        if self.faults.len() == before {
            self.records.extend(link.into_iter().map(|wanted| wanted.record));
        }
    }

    /// Leaves the records of one machine, if it is for several.
    pub(crate) fn halve(&mut self, here: &Here) {
        match &self.machines {
            Some(machines) => match machines.keep_half(here, &mut self.records) {
                Ok(faults) => self.faults.extend(faults),
                Err(fault) => {
                    self.faults.push(fault);
                    self.records.clear();
                }
            },
            None if here.is_given && self.faults.is_empty() => {
                self.faults.push(START.fault(format!(
                    "the plan is not for several machines, so there is no half of {} (--on)",
                    here.name
                )));
            }
            None => {}
        }
    }

    /// Adds the name of the plan to its records: they are acted on together, or `each` for itself.
    pub(crate) fn finish(&mut self, name: &str, each: bool) {
        // By the links that were left out, the reader knows that not all of the plan came.
        let size = self.records.len() + self.faults.len();
        for (item, record) in (1..).zip(&mut self.records) {
            record.set("plan", name);
            record.set("plan_size", size);
            record.set("plan_item", item);
            if each {
                record.set("each", true);
            }
        }
        // One without links asks for nothing, which is said: what it asked for before may go.
        if self.records.is_empty() && self.faults.is_empty() {
            self.records.push(of_nothing(name));
        }
        self.faults.sort();
        // What an anchor names is read where each of its aliases stands.
        self.faults.dedup();
    }

    /// Checks a record whose fields are valid one by one.
    fn check(&mut self, record: &Record, position: Position, namespace: &str) -> Result<()> {
        let spec = LinkSpec::from_record(record)?;
        // Each machine has its own.
        let there = record.text("on")?.map(|on| format!(" on {on}")).unwrap_or_default();
        if record.get("kind").is_some() {
            KindSpec::from_record(record)?;
        }
        let mut kept = None;
        if let Some(link) = record.text("link")? {
            let from = if record.get("from").is_some() { record.cell("from") } else { HOST.to_owned() };
            self.take(Side::From(from + &there), link, position);
            // The name of a link that is given by a number or an address is unknown here.
            kept = match link.parse()? {
                Selector::Name(name) if name.parse::<u32>().is_err() => Some(name),
                _ => None,
            };
        }
        let given = match &spec.name {
            Some(NewName::Name(name)) => Some(name.as_str()),
            Some(NewName::Pattern(_)) => None,
            None => kept.as_deref(),
        };
        for name in given.into_iter().chain(spec.altnames.iter().map(AltName::as_str)) {
            self.take(Side::To(format!("{namespace}{there}")), name, position);
        }
        spec.check()
    }

    /// Records that a link is moved out of a namespace, or that a container gets a link of this name. It is a fault if an
    /// earlier link of the plan does so, too.
    fn take(&mut self, side: Side, link: &str, position: Position) {
        let what = match &side {
            Side::From(_) => format!("{link} is already moved"),
            Side::To(container) => format!("{container} already gets a link {link}"),
        };
        match self.taken.entry((side, link.to_owned())) {
            Entry::Occupied(first) => {
                self.faults.push(position.fault(format!("{what} on line {}", first.get().line)));
            }
            Entry::Vacant(free) => drop(free.insert(position)),
        }
    }
}
