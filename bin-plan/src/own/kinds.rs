//! The kinds of links that are made, and which keys belong to each.

use nicon_core::link::kind::{FIELDS, Kind, KindSpec, fields_of};
use nicon_core::{Record, Result};
use serde_json::Value;

use super::value::Type;
use crate::fault::Fault;
use crate::plan::without_field;
use crate::yaml::{KeyValue, Node};

/// The keys of a peer of a link of kind `wireguard`.
pub(super) const PEER: [(&str, Type); 5] = [
    ("public_key", Type::Text),
    ("endpoint", Type::Text),
    ("allowed_ips", Type::Texts),
    ("preshared_key", Type::Text),
    ("keepalive", Type::Number(0..=65535)),
];

/// What is wrong with the keys of a link of this kind, apart from the types of their values.
pub(super) fn faults(kind: &str, node: &Node, entries: &[KeyValue], fields: &Record) -> Vec<Fault> {
    let kind: Kind = match kind.parse() {
        Ok(kind) => kind,
        Err(error) => {
            let position = node.get("kind").map_or(node.position, |value| value.position);
            return vec![position.fault(format!("kind: {error}"))];
        }
    };
    let (needed, allowed) = fields_of(kind);
    let is_given = |field: &str| entries.iter().any(|entry| entry.key == field);
    let missing = needed.iter().filter(|field| !is_given(field));
    let mut faults: Vec<_> = missing.map(|field| node.position.fault(format!("a {kind} needs {field}"))).collect();
    for entry in entries.iter().filter(|entry| entry.key != "kind" && FIELDS.contains(&&*entry.key)) {
        let key = &*entry.key;
        if !needed.contains(&key) && !allowed.contains(&key) {
            faults.push(entry.position.fault(format!("{key}: a {kind} has none")));
        } else if let Some(Err(error)) = fields.get(key).map(|value| check(kind, key, value)) {
            let why = without_field(&error, key);
            faults.push(entry.value.position.fault(format!("{key}: {why}")));
        }
    }
    faults
}

/// Whether links of this kind are on something that lies in a network namespace of its own.
pub(super) fn has_source(kind: &str) -> bool {
    kind.parse().is_ok_and(|kind| fields_of(kind).1.contains(&"from"))
}

/// Refuses a value that no link of the kind can have, whatever it has besides.
fn check(kind: Kind, field: &str, value: &Value) -> Result<()> {
    let mut record = Record::default();
    let (needed, allowed) = fields_of(kind);
    for (other, example) in [("parent", Value::from("eth0")), ("vid", 1.into()), ("vni", 1.into())] {
        if needed.contains(&other) || allowed.contains(&other) {
            record.set(other, example);
        }
    }
    record.set("kind", kind.as_str());
    record.set(field, value);
    KindSpec::from_record(&record).map(drop)
}
