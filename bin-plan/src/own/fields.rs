//! What the keys of a map give to a record.

use nicon_core::Record;
use nicon_core::link::{LinkName, NewName};

use super::endpoint;
use super::keys::{KEYS, Key, Place};
use crate::fault::Fault;
use crate::targets::Targets;
use crate::yaml::{Content, KeyValue, Node};

/// The fields, and what is wrong with the others.
pub(super) struct Fields {
    pub(super) record: Record,
    pub(super) faults: Vec<Fault>,
}

impl Fields {
    /// Reads the keys of a map.
    pub(super) fn read(entries: &[KeyValue], place: Place, targets: &Targets) -> Self {
        let mut fields = Self { record: Record::default(), faults: Vec::new() };
        for entry in entries {
            match Key::of(entry, place)
                .map_err(|fault| vec![fault])
                .and_then(|key| fields.key(key, entry, place, targets))
            {
                Ok(()) => {}
                Err(faults) => fields.faults.extend(faults),
            }
        }
        fields
    }

    fn key(&mut self, key: &Key, entry: &KeyValue, place: Place, targets: &Targets) -> Result<(), Vec<Fault>> {
        let fault = |why: &str| vec![entry.value.position.fault(format!("{}: {why}", key.name))];
        match key.name {
            // Their own fields are read from within.
            "endpoints" => return Ok(()),
            "endpoint" => {
                let (target, name) = end(&entry.value, place, targets).map_err(|why| fault(&why))?;
                self.set("target", target, key, entry)?;
                return self.set("name", name, key, entry);
            }
            _ => {}
        }
        let mut value = key.read(entry)?;
        if let ("target", Some(path)) = (key.field, value.as_str()) {
            value = targets.path(path).map_err(|error| fault(&error.to_string()))?.into();
        }
        self.set(key.field, value, key, entry)
    }

    fn set(
        &mut self,
        field: &str,
        value: impl Into<serde_json::Value>,
        key: &Key,
        entry: &KeyValue,
    ) -> Result<(), Vec<Fault>> {
        if self.record.get(field).is_some() {
            let why = format!("{}: what it says is said by another key already", key.name);
            return Err(vec![entry.position.fault(why)]);
        }
        self.record.set(field, value.into());
        Ok(())
    }

    /// Says where a link comes from, or the one below it.
    pub(super) fn set_source(&mut self, node: &Node, targets: &Targets) {
        match targets.source(self.record.get("from")) {
            Ok(Some(from)) => self.record.set("from", from),
            Ok(None) => {}
            Err(error) => {
                let position = node.get("from").map_or(node.position, |from| from.position);
                self.faults.push(position.fault(format!("from: {error}")));
            }
        }
    }

    /// Adds a fault if a field is missing, and no key was given that would say it.
    pub(super) fn need(&mut self, field: &str, node: &Node, why: &str) {
        let says = |entry: &KeyValue| {
            let named = |key: &&Key| key.name == entry.key;
            entry.key == "endpoint" && ["target", "name"].contains(&field)
                || KEYS.iter().find(named).is_some_and(|key| key.field == field)
        };
        if !node.entries().unwrap_or_default().iter().any(says) {
            self.faults.push(node.position.fault(why));
        }
    }
}

/// The target and the link's name of an endpoint.
pub(super) fn end(node: &Node, place: Place, targets: &Targets) -> Result<(String, String), String> {
    let Content::Scalar(scalar) = &node.content else {
        return Err(format!("expected text such as \"a.b:eth1\", found {}", node.content.display()));
    };
    let (path, name) = endpoint::split(scalar.text()?)?;
    let target = targets.path(path).map_err(|error| error.to_string())?;
    // For a pattern the kernel looks for a free name, which only a link that is moved can be found by again.
    let refused = if place == Place::Move { name.parse::<NewName>().err() } else { name.parse::<LinkName>().err() };
    refused.map_or(Ok((target, name.to_owned())), |error| Err(error.to_string()))
}

/// A record of the fields in the order of the keys: those of `first` or, if it lacks one, of `second`.
pub(super) fn ordered(first: &Record, second: &Record, pair: Option<&str>) -> Record {
    let mut record = Record::default();
    for key in KEYS {
        if let Some(value) = first.get(key.field).or_else(|| second.get(key.field)) {
            record.set(key.field, value);
        }
        if let ("target", Some(pair)) = (key.field, pair) {
            record.set("pair", pair);
        }
    }
    record
}
