//! What a plan may say, and the records that it becomes.

use std::collections::HashMap;

use nicon_core::near::nearest;
use nicon_core::{LinkName, Record};
use serde_json::Value;

use crate::document::{Content, Entry, Fault, Node, Place};
use crate::scalar::Scalar;

/// The one key of a plan.
const LINKS: &str = "links";

/// A key of a link, the field of the record that it becomes, and how its value is read.
struct Key {
    name: &'static str,
    field: &'static str,
    required: bool,
    read: fn(&Scalar) -> Result<Value, String>,
}

const KEYS: [Key; 4] = [
    Key { name: "inspect_ns", field: "target", required: true, read: target },
    Key { name: "nic_tmp", field: "link", required: true, read: link_name },
    Key { name: "nic_name", field: "name", required: false, read: link_name },
    Key {
        name: "expected_pid",
        field: "expected_pid",
        required: false,
        read: |scalar| scalar.number().map(Value::from),
    },
];

/// The records of a plan, in its order. Each carries `plan`, where that is given: they are to be acted on together.
///
/// # Errors
/// All that is wrong with it.
pub(crate) fn records(document: Option<&Node>, plan: Option<&String>) -> Result<Vec<Record>, Vec<Fault>> {
    let start = Place { line: 1, column: 1 };
    let empty = || start.fault(format!("the plan is empty: expected \"{LINKS}:\" and a list of links below it"));
    let node = document.ok_or_else(|| vec![empty()])?;
    let entries = match &node.content {
        Content::Map(entries) => entries,
        Content::Scalar(scalar) if scalar.text.is_empty() => return Err(vec![empty()]),
        other => return Err(vec![node.place.fault(format!("expected \"{LINKS}:\", found {}", found(other)))]),
    };
    let mut reading = Reading::default();
    for entry in entries {
        match &entry.value.content {
            _ if entry.key != LINKS => reading.faults.push(unknown(entry, &[LINKS])),
            Content::List(links) => links.iter().for_each(|link| reading.link(link)),
            other => {
                reading.wrong(entry.value.place, LINKS, &format!("expected a list of links, found {}", found(other)));
            }
        }
    }
    if reading.faults.is_empty() && !entries.iter().any(|entry| entry.key == LINKS) {
        reading.faults.push(empty());
    }
    if !reading.faults.is_empty() {
        reading.faults.sort_by_key(|fault| fault.place);
        return Err(reading.faults);
    }
    if let Some(plan) = plan {
        reading.records.iter_mut().for_each(|record| record.set("plan", plan));
    }
    Ok(reading.records)
}

#[derive(Default)]
struct Reading {
    records: Vec<Record>,
    faults: Vec<Fault>,
    /// Where each link is moved, and where each name is given in a container: there is one of either.
    taken: HashMap<(Option<String>, String), Place>,
}

impl Reading {
    fn link(&mut self, node: &Node) {
        let Content::Map(entries) = &node.content else {
            let expected = format!("expected a link's keys ({}), found {}", names().join(", "), found(&node.content));
            return self.faults.push(node.place.fault(expected));
        };
        for entry in entries.iter().filter(|entry| KEYS.iter().all(|key| key.name != entry.key)) {
            self.faults.push(unknown(entry, &names()));
        }
        let mut record = Record::default();
        for key in &KEYS {
            match entries.iter().find(|entry| entry.key == key.name) {
                Some(entry) => self.value(key, entry, &mut record),
                None if key.required => self.faults.push(node.place.fault(format!("the link has no {}", key.name))),
                None => {}
            }
        }
        if let (Ok(Some(target)), Ok(Some(link)), Ok(name)) =
            (record.text("target"), record.text("link"), record.text("name"))
        {
            self.take(None, link, node.place);
            self.take(Some(target), name.unwrap_or(link), node.place);
        }
        self.records.push(record);
    }

    fn value(&mut self, key: &Key, entry: &Entry, record: &mut Record) {
        let place = entry.value.place;
        let value = match &entry.value.content {
            Content::Scalar(scalar) => (key.read)(scalar),
            other => Err(format!("expected a single value, found {}", found(other))),
        };
        match value {
            Ok(value) => record.set(key.field, value),
            Err(why) => self.wrong(place, key.name, &why),
        }
    }

    /// Notes that a link is moved from here, or gets its name in a container, which nobody else may do.
    fn take(&mut self, container: Option<&str>, link: &str, place: Place) {
        let taken = self.taken.entry((container.map(str::to_owned), link.to_owned())).or_insert(place);
        if *taken != place {
            let what = container
                .map_or_else(|| format!("{link} is moved"), |container| format!("{container} has a link {link}"));
            self.faults.push(place.fault(format!("{what} already by line {}", taken.line)));
        }
    }

    fn wrong(&mut self, place: Place, key: &str, why: &str) {
        self.faults.push(place.fault(format!("{key}: {why}")));
    }
}

/// One container by its path. Patterns are for looking around: a link goes to one place.
fn target(scalar: &Scalar) -> Result<Value, String> {
    match scalar.text()? {
        path if path.contains(['*', '?', '[']) => Err(format!("a link goes to one container: \"{path}\" is a pattern")),
        path => Ok(path.into()),
    }
}

fn link_name(scalar: &Scalar) -> Result<Value, String> {
    let name: LinkName = scalar.text()?.parse().map_err(|error: nicon_core::Error| error.to_string())?;
    Ok(name.as_str().into())
}

fn unknown(entry: &Entry, known: &[&str]) -> Fault {
    let (key, known_keys) = (&entry.key, known.join(", "));
    entry.place.fault(match nearest(key, known.iter().copied()).first() {
        Some(near) => format!("unknown key \"{key}\": did you mean {near}?"),
        None => format!("unknown key \"{key}\" (known here: {known_keys})"),
    })
}

fn names() -> [&'static str; KEYS.len()] {
    KEYS.map(|key| key.name)
}

fn found(content: &Content) -> String {
    match content {
        Content::Scalar(scalar) => scalar.shown(),
        Content::List(_) => "a list".to_owned(),
        Content::Map(_) => "a map".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn faults(text: &str) -> Vec<String> {
        let faults = records(document::parse(text).unwrap().as_ref(), None).unwrap_err();
        faults.into_iter().map(|fault| format!("{}: {}", fault.place, fault.message)).collect()
    }

    #[test]
    fn a_plan_becomes_records() {
        let text = "links:\n- inspect_ns: a.b\n  nic_tmp: veth0\n  nic_name: eth1\n  expected_pid: 42\n- {nic_tmp: x, inspect_ns: a}\n";
        let lines: Vec<_> = records(document::parse(text).unwrap().as_ref(), Some(&"p".to_owned()))
            .unwrap()
            .iter()
            .map(Record::to_line)
            .collect();
        assert_eq!(
            lines,
            [
                r#"{"target":"a.b","link":"veth0","name":"eth1","expected_pid":42,"plan":"p"}"#,
                r#"{"target":"a","link":"x","plan":"p"}"#
            ]
        );
        assert!(records(document::parse("links: []\n").unwrap().as_ref(), None).unwrap().is_empty());
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let text = "links:\n- inspect_ns: a\n  nic_tmp: veth0\n  nic_nam: eth1\n  x: 1\n- inspect_ns: on\n  nic_tmp: [a]\n  nic_name: 0\n- nic_tmp: veth0\n  inspect_ns: 'a.*'\n- 7\n";
        assert_eq!(
            faults(text),
            [
                "4:3: unknown key \"nic_nam\": did you mean nic_name?",
                "5:3: unknown key \"x\" (known here: inspect_ns, nic_tmp, nic_name, expected_pid)",
                "6:15: inspect_ns: expected text, found the truth value: put \"on\" in quotes",
                "7:12: nic_tmp: expected a single value, found a list",
                "8:13: nic_name: expected text, found the number: put \"0\" in quotes",
                "10:15: inspect_ns: a link goes to one container: \"a.*\" is a pattern",
                "11:3: expected a link's keys (inspect_ns, nic_tmp, nic_name, expected_pid), found the number 7",
            ]
        );
    }

    #[test]
    fn a_link_is_moved_once_and_a_name_given_once() {
        let text = "links:\n- {inspect_ns: a, nic_tmp: x}\n- {inspect_ns: b, nic_tmp: x}\n- {inspect_ns: a, nic_tmp: z, nic_name: x}\n";
        assert_eq!(faults(text), ["3:3: x is moved already by line 2", "4:3: a has a link x already by line 2"]);
        let flow = "links: [{inspect_ns: a, nic_tmp: x}, {inspect_ns: b, nic_tmp: x}]";
        assert_eq!(faults(flow), ["1:38: x is moved already by line 1"]);
    }

    #[test]
    fn a_plan_is_links() {
        for (text, expected) in [
            ("", "1:1: the plan is empty"),
            ("links:\n", "1:1: links: expected a list of links, found nothing"),
            ("- a\n", "1:1: expected \"links:\", found a list"),
            ("link: []\n", "1:1: unknown key \"link\": did you mean links?"),
            ("{}\n", "1:1: the plan is empty"),
            ("links:\n- nic_tmp: veth0\n", "2:3: the link has no inspect_ns"),
        ] {
            assert!(faults(text)[0].starts_with(expected), "{:?}", faults(text));
        }
    }
}
