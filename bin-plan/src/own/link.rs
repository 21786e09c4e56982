//! One link of a plan: what it is, and the records that it becomes.

use nicon_core::Record;

use super::fields::{Fields, end, ordered};
use super::keys::{KEYS, Place};
use super::kinds;
use crate::fault::Fault;
use crate::targets::Targets;
use crate::wanted::Wanted;
use crate::yaml::{Content, KeyValue, Node};

/// What is missing of a link of which nothing says that it is no pair.
const NO_ENDPOINTS: &str = "the link has no endpoints (endpoints: [\"A:eth1\", \"B:eth1\"]; one that is moved has a link and an endpoint, and one that is made alone a kind and an endpoint)";

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
        let example = "{endpoints: [\"A:eth1\", \"B:eth1\"]}";
        vec![node.position.fault(format!("expected a map, such as {example}, found {}", node.content.display()))]
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
    let has = |keys: &[&str]| entries.iter().any(|entry| keys.contains(&&*entry.key));
    // Who writes some of the old words knows them all.
    let is_in_old_words = has(&["inspect_ns", "nic_tmp", "nic_name"]);
    let why = match (is_in_old_words, has(&["link"])) {
        (true, _) => "the link has no inspect_ns",
        (false, true) => "the link has no endpoint, such as \"A:eth1\"",
        (false, false) => NO_ENDPOINTS,
    };
    fields.need("target", node, why);
    // Keys that say nothing of a link only name a container.
    let is_of_a_link = |entry: &KeyValue| match &*entry.key {
        "inspect_ns" | "target" | "expected_pid" | "on" => false,
        name => KEYS.iter().any(|key| key.name == name),
    };
    if entries.iter().any(is_of_a_link) {
        fields.need("link", node, if is_in_old_words { "the link has no nic_tmp" } else { NO_ENDPOINTS });
        fields.faults.dedup();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[track_caller]
    fn faults(link: &str) -> Vec<String> {
        let node = yaml::parse(link).unwrap().unwrap();
        let faults = read(&node, &Targets::default()).err().unwrap();
        faults.into_iter().map(|fault| fault.message).collect()
    }

    /// Who has not written any of the old words is not told of them.
    #[test]
    fn what_is_missing_is_told_in_the_words_of_the_link() {
        for link in ["{endpont: \"a:x\"}", "{endpoint: \"a:x\"}", "{endpoint: \"a:x\", mtu: 1400}", "{mtu: 1400}"] {
            let told = faults(link);
            let is_told =
                told.iter().filter(|fault| fault.starts_with("the link has no endpoints (endpoints: [\"A:eth1\""));
            assert_eq!(is_told.count(), 1, "{link}: {told:?}");
            assert!(
                !told
                    .iter()
                    .any(|fault| fault.ends_with("inspect_ns")
                        || fault.contains("nic_tmp") && !fault.starts_with("unknown")),
                "{told:?}"
            );
        }
        assert!(faults("{link: x}")[0].starts_with("the link has no endpoint, such as"));
        assert_eq!(faults("{nic_tmp: x}"), ["the link has no inspect_ns"]);
        assert_eq!(faults("{inspect_ns: a, nic_name: x}"), ["the link has no nic_tmp"]);
    }
}
