//! One link of a plan: what it is, and the records that it becomes.

use nicon_core::Record;

use super::fields::{Fields, end, ordered};
use super::keys::{KEYS, Place, names};
use super::kinds;
use crate::fault::Fault;
use crate::targets::Targets;
use crate::wanted::Wanted;
use crate::yaml::{Content, KeyValue, Node};

/// The records of a link.
///
/// # Errors
/// All its faults.
pub(super) fn read(node: &Node, targets: &Targets) -> Result<Vec<Wanted>, Vec<Fault>> {
    let entries = entries(node)?;
    let has = |key: &str| entries.iter().any(|entry| entry.key == key);
    if has("endpoints") {
        pair(node, entries, targets)
    } else if has("kind") {
        made(node, entries, targets)
    } else {
        moved(node, entries, targets)
    }
}

fn entries(node: &Node) -> Result<&[KeyValue], Vec<Fault>> {
    node.entries().ok_or_else(|| {
        let expected = format!("expected a map with the keys {}", names().join(", "));
        vec![node.position.fault(format!("{expected}, found {}", node.content.display()))]
    })
}

/// The one record of a link, if it has no faults.
fn single(fields: Fields, node: &Node) -> Result<Vec<Wanted>, Vec<Fault>> {
    if !fields.faults.is_empty() {
        return Err(fields.faults);
    }
    Ok(vec![Wanted::new(ordered(&fields.record, &Record::default(), None), node.position)])
}

/// A link that is moved, or a container that is only looked for.
fn moved(node: &Node, entries: &[KeyValue], targets: &Targets) -> Result<Vec<Wanted>, Vec<Fault>> {
    let mut fields = Fields::read(entries, Place::Move, targets);
    fields.need("target", node, "the link has no inspect_ns");
    // Keys that say nothing of a link only name a container.
    let is_of_a_link = |entry: &KeyValue| match &*entry.key {
        "inspect_ns" | "target" | "expected_pid" | "on" => false,
        name => KEYS.iter().any(|key| key.name == name),
    };
    if entries.iter().any(is_of_a_link) {
        let asks_in_new_words = entries.iter().any(|entry| entry.key == "endpoint");
        let why = if asks_in_new_words { "the link has neither link nor kind" } else { "the link has no nic_tmp" };
        fields.need("link", node, why);
        fields.set_source(node, targets);
    }
    single(fields, node)
}

/// A link that is made.
fn made(node: &Node, entries: &[KeyValue], targets: &Targets) -> Result<Vec<Wanted>, Vec<Fault>> {
    let mut fields = Fields::read(entries, Place::Made, targets);
    fields.need("target", node, "the link has no endpoint");
    fields.need("name", node, "the link has no endpoint");
    fields.faults.dedup();
    if let Ok(Some(kind)) = fields.record.text("kind") {
        let has_source = kinds::has_source(kind);
        let faults = kinds::faults(kind, node, entries, &fields.record);
        fields.faults.extend(faults);
        if has_source {
            fields.set_source(node, targets);
        }
    }
    single(fields, node)
}

/// The two ends of a pair.
fn pair(node: &Node, entries: &[KeyValue], targets: &Targets) -> Result<Vec<Wanted>, Vec<Fault>> {
    let both = Fields::read(entries, Place::Pair, targets);
    let endpoints = node.get("endpoints").unwrap_or(node);
    let mut faults = both.faults;
    let mut ends = Vec::new();
    match &endpoints.content {
        Content::List(list) if list.len() == 2 => {
            for end in list.iter() {
                let fields = end_fields(end, targets);
                faults.extend(fields.faults);
                ends.push((fields.record, end.position));
            }
        }
        Content::List(list) => {
            faults.push(endpoints.position.fault(format!("endpoints: expected two, found {}", list.len())));
        }
        other => {
            let expected = "endpoints: expected a list such as [\"a.b:eth1\", \"host:up0\"]";
            faults.push(endpoints.position.fault(format!("{expected}, found {}", other.display())));
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let name = ends.iter().map(|(end, _)| format!("{}:{}", end.cell("target"), end.cell("name")));
    let name = name.collect::<Vec<_>>().join(" ");
    let wanted = |(end, position)| Wanted::new(ordered(&end, &both.record, Some(&name)), position);
    Ok(ends.into_iter().map(wanted).collect())
}

/// The fields of one end, which is a map or only its endpoint.
fn end_fields(node: &Node, targets: &Targets) -> Fields {
    if let Some(entries) = node.entries() {
        let mut fields = Fields::read(entries, Place::End, targets);
        fields.need("target", node, "the end has no endpoint");
        return fields;
    }
    let mut fields = Fields { record: Record::default(), faults: Vec::new() };
    match end(node, Place::End, targets) {
        Ok((target, name)) => {
            fields.record.set("target", target);
            fields.record.set("name", name);
        }
        Err(why) => fields.faults.push(node.position.fault(format!("endpoints: {why}"))),
    }
    fields
}
