//! Checks a plan, and turns it into records.

use std::collections::HashMap;

use nicon_core::link::{AltName, LinkSpec, NewName, Selector};
use nicon_core::suggest::nearest;
use nicon_core::{Record, Result};

use crate::document::{Content, Fault, KeyValue, Node, Position};
use crate::keys::{KEYS, Need, names};

/// The only key of a plan.
const LINKS: &str = "links";

/// The records of a plan, in its order. If `plan` is given, each carries that name: they are acted on together.
///
/// # Errors
/// All its faults.
pub(crate) fn records(document: Option<&Node>, plan: Option<&String>) -> std::result::Result<Vec<Record>, Vec<Fault>> {
    let start = Position { line: 1, column: 1 };
    let empty = || start.fault(format!("the plan is empty: expected \"{LINKS}:\" and a list of links below it"));
    let node = document.ok_or_else(|| vec![empty()])?;
    let entries = match &node.content {
        Content::Map(entries) => entries,
        Content::Scalar(scalar) if scalar.text.is_empty() => return Err(vec![empty()]),
        other => return Err(vec![node.position.fault(format!("expected \"{LINKS}:\", found {}", other.display()))]),
    };
    let mut reading = Reading::default();
    for entry in entries {
        match &entry.value.content {
            _ if entry.key != LINKS => reading.faults.push(unknown(entry, &[LINKS])),
            Content::List(links) => links.iter().for_each(|link| reading.link(link)),
            other => {
                let found = other.display();
                reading.faults.push(entry.value.position.fault(format!("{LINKS}: expected a list, found {found}")));
            }
        }
    }
    if reading.faults.is_empty() && !entries.iter().any(|entry| entry.key == LINKS) {
        reading.faults.push(empty());
    }
    if !reading.faults.is_empty() {
        reading.faults.sort_by_key(|fault| fault.position);
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
    /// The links that are moved out of each namespace, and the names that each container gets. Both must be unique.
    taken: HashMap<(Side, String), Position>,
}

/// A side of a move, with the plan's name for the namespace.
#[derive(PartialEq, Eq, Hash)]
enum Side {
    From(String),
    To(String),
}

impl Reading {
    fn link(&mut self, node: &Node) {
        let Content::Map(entries) = &node.content else {
            let expected = format!("expected a map with the keys {}", names().join(", "));
            return self.faults.push(node.position.fault(format!("{expected}, found {}", node.content.display())));
        };
        for entry in entries.iter().filter(|entry| KEYS.iter().all(|key| key.name != entry.key)) {
            self.faults.push(unknown(entry, &names()));
        }
        let (mut record, faults) = (Record::default(), self.faults.len());
        let is_given = |name: &str| entries.iter().any(|entry| entry.key == name);
        let has_link = KEYS.iter().any(|key| key.is_of_links() && is_given(key.name));
        for key in &KEYS {
            match entries.iter().find(|entry| entry.key == key.name) {
                Some(entry) => match key.read(&entry.value) {
                    Ok(value) => record.set(key.field, value),
                    Err(faults) => self.faults.extend(faults),
                },
                None if key.need == Need::All || key.need == Need::Links && has_link => {
                    self.faults.push(node.position.fault(format!("the link has no {}", key.name)));
                }
                None => {}
            }
        }
        if self.faults.len() == faults
            && let Err(error) = self.check(&record, node.position)
        {
            self.faults.push(node.position.fault(error.to_string()));
        }
        self.records.push(record);
    }

    /// Checks a link whose keys are valid one by one.
    fn check(&mut self, record: &Record, position: Position) -> Result<()> {
        let wish = LinkSpec::from_record(record)?;
        let Some(link) = record.text("link")? else { return Ok(()) };
        self.take(Side::From(record.cell("from")), link, position);
        // The name of a link that is given by a number or an address is unknown here.
        let kept = match link.parse()? {
            Selector::Name(name) if name.parse::<u32>().is_err() => Some(name),
            _ => None,
        };
        let given = match &wish.name {
            Some(NewName::Name(name)) => Some(name.as_str()),
            Some(NewName::Pattern(_)) => None,
            None => kept.as_deref(),
        };
        for name in given.into_iter().chain(wish.altnames.iter().map(AltName::as_str)) {
            self.take(Side::To(record.cell("target")), name, position);
        }
        wish.check()
    }

    /// Records that a link is moved out of a namespace, or that a container gets a link of this name. It is a fault if an
    /// earlier link of the plan does so, too.
    fn take(&mut self, side: Side, link: &str, position: Position) {
        let what = match &side {
            Side::From(_) => format!("{link} is already moved"),
            Side::To(container) => format!("{container} already gets a link {link}"),
        };
        let taken = self.taken.entry((side, link.to_owned())).or_insert(position);
        if *taken != position {
            self.faults.push(position.fault(format!("{what} on line {}", taken.line)));
        }
    }
}

fn unknown(entry: &KeyValue, known: &[&str]) -> Fault {
    let (key, known_keys) = (&entry.key, known.join(", "));
    entry.position.fault(match nearest(key, known.iter().copied()).first() {
        Some(similar) => format!("unknown key \"{key}\": did you mean {similar}?"),
        None => format!("unknown key \"{key}\" (the keys are {known_keys})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn faults(text: &str) -> Vec<String> {
        let faults = records(document::parse(text).unwrap().as_ref(), None).unwrap_err();
        faults.into_iter().map(|fault| format!("{}: {}", fault.position, fault.message)).collect()
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
    fn a_container_can_be_named_without_a_link() {
        let text = "links:\n- {inspect_ns: a, expected_pid: 42}\n- inspect_ns: b\n- {inspect_ns: a, nic_tmp: x}\n";
        let records = records(document::parse(text).unwrap().as_ref(), None).unwrap();
        let lines: Vec<_> = records.iter().map(Record::to_line).collect();
        assert_eq!(lines, [r#"{"target":"a","expected_pid":42}"#, r#"{"target":"b"}"#, r#"{"target":"a","link":"x"}"#]);
        for key in ["nic_name: eth1", "from: b", "up: false", "addr: 192.0.2.1/24"] {
            assert_eq!(
                faults(&format!("links:\n- inspect_ns: a\n  {key}\n")),
                ["2:3: the link has no nic_tmp"],
                "{key}"
            );
        }
    }

    #[test]
    fn every_fault_is_reported_with_its_place() {
        let text = "links:\n- inspect_ns: a\n  nic_tmp: veth0\n  nic_nam: eth1\n  x: 1\n- inspect_ns: on\n  nic_tmp: [a]\n  nic_name: 0\n- nic_tmp: veth0\n  inspect_ns: 'a.*'\n- 7\n";
        let known = names().join(", ");
        assert_eq!(
            faults(text),
            [
                "4:3: unknown key \"nic_nam\": did you mean nic_name?",
                &format!("5:3: unknown key \"x\" (the keys are {known})"),
                "6:15: inspect_ns: expected text, found the boolean on: write \"on\" in quotes",
                "7:12: nic_tmp: expected a single value, found a list",
                "8:13: nic_name: expected text, found the number 0: write \"0\" in quotes",
                "10:15: inspect_ns: a link goes to one container: \"a.*\" is a pattern",
                &format!("11:3: expected a map with the keys {known}, found 7"),
            ]
        );
    }

    #[test]
    fn links_and_names_are_unique() {
        let text = "links:\n- {inspect_ns: a, nic_tmp: x}\n- {inspect_ns: b, nic_tmp: x}\n- {inspect_ns: a, nic_tmp: z, nic_name: x}\n";
        assert_eq!(faults(text), ["3:3: x is already moved on line 2", "4:3: a already gets a link x on line 2"]);
        let from = "links:\n- {inspect_ns: a, nic_tmp: x, from: b}\n- {inspect_ns: b, nic_tmp: x, from: 42}\n- {inspect_ns: c, nic_tmp: x, from: 42}\n- {inspect_ns: a, nic_tmp: z, altname: x}\n";
        assert_eq!(faults(from), ["4:3: x is already moved on line 3", "5:3: a already gets a link x on line 2"]);
        let numbers = "links:\n- {inspect_ns: a, nic_tmp: '7', from: b}\n- {inspect_ns: a, nic_tmp: '7', nic_name: eth%d}\n- {inspect_ns: a, nic_tmp: z, nic_name: eth%d}\n";
        assert_eq!(records(document::parse(numbers).unwrap().as_ref(), None).unwrap().len(), 3);
        let flow = "links: [{inspect_ns: a, nic_tmp: x}, {inspect_ns: b, nic_tmp: x}]";
        assert_eq!(faults(flow), ["1:38: x is already moved on line 1"]);
    }

    #[test]
    fn a_link_can_have_all_that_nicon_linkmv_supports() {
        let text = "links:\n- inspect_ns: a\n  nic_tmp: pci:0000:01:00.0\n  nic_name: eth%d\n  from: 42\n  addr: [192.0.2.2/24, 2001:db8::2/64]\n  gateway: 192.0.2.1\n  route: 198.51.100.0/24,192.0.2.9\n  mtu: 1400\n  mac: 02:00:5e:00:53:01\n  master: br0\n  alias: up link\n  altname: [wan]\n  up: true\n  keep: [sysctl]\n- {inspect_ns: a, nic_tmp: x, from: blue, up: false}\n";
        let records = records(document::parse(text).unwrap().as_ref(), None).unwrap();
        assert_eq!(
            records.iter().map(Record::to_line).collect::<Vec<_>>(),
            [
                r#"{"target":"a","link":"pci:0000:01:00.0","name":"eth%d","from":42,"addr":["192.0.2.2/24","2001:db8::2/64"],"gateway":["192.0.2.1"],"route":["198.51.100.0/24,192.0.2.9"],"mtu":1400,"mac":"02:00:5e:00:53:01","master":"br0","alias":"up link","altname":["wan"],"up":true,"keep":["sysctl"]}"#,
                r#"{"target":"a","link":"x","from":"blue","up":false}"#,
            ]
        );
    }

    #[test]
    fn paths_that_nicon_resolve_refuses_are_faults() {
        for (path, fault) in [
            ("a..b", "2:15: inspect_ns: path \"a..b\": name 2 is empty"),
            ("a b", "2:15: inspect_ns: path \"a b\": \"a b\" is not a container name"),
            ("lxc:a", "2:15: inspect_ns: path \"lxc:a\": \"lxc:a\" has an unknown prefix"),
        ] {
            let faults = faults(&format!("links:\n- inspect_ns: {path}\n  nic_tmp: x\n"));
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{faults:?}");
        }
    }

    #[test]
    fn values_that_nicon_linkmv_refuses_are_faults() {
        for (value, fault) in [
            ("addr: 192.0.2.2", "4:9: addr: \"192.0.2.2\" has no prefix length"),
            ("addr: [192.0.2.2/24, ::1/129]", "4:24: addr: \"::1/129\": the prefix length"),
            ("addr: {}", "4:9: addr: expected a single value, found a map"),
            ("gateway: 192.0.2", "4:12: gateway: \"192.0.2\" is not an IP address"),
            ("gateway: 192.0.2.1", "2:3: gateway 192.0.2.1 is not reachable through any of the link's addresses"),
            ("route: 192.0.2.1/24", "4:10: route: \"192.0.2.1/24\" is not a route"),
            ("mtu: many", "4:8: mtu: expected a whole number from 1 to 2147483647, found \"many\""),
            ("mtu: -5", "4:8: mtu: expected a whole number from 1 to 2147483647, found -5"),
            ("mac: 01:00:5e:00:00:01", "4:8: mac: \"01:00:5e:00:00:01\" is not a hardware address: it is a multicast"),
            (
                "mac: 02:00:00:00:53:01",
                "4:8: mac: expected text, found the number 02:00:00:00:53:01: write \"02:00:00:00:53:01\" in quotes",
            ),
            ("master: a/b", "4:11: master: \"a/b\" is not a link name"),
            ("alias: \"a\\tb\"", "4:10: alias: it contains a line break or a control character"),
            ("altname: a b", "4:12: altname: \"a b\" is not an alternative name"),
            ("up: off", "4:7: up: expected true or false, found off"),
            ("keep: [addr, mtu]", "4:16: keep: \"mtu\" cannot be kept"),
            ("from: ..", "4:9: from: \"..\" is neither a PID"),
            ("nic_name: eth%d%d", "4:13: nic_name: \"eth%d%d\" is not a link name"),
            ("up: false\n  addr: 192.0.2.1/24\n  route: 0.0.0.0/0", "2:3: a route needs the link up"),
        ] {
            let faults = faults(&format!("links:\n- inspect_ns: a\n  nic_tmp: x\n  {value}\n"));
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{value}: {faults:?}");
        }
        assert!(faults("links:\n- inspect_ns: a\n  nic_tmp: a/b\n")[0].starts_with("3:12: nic_tmp: \"a/b\" is not"));
        let both = "links:\n- inspect_ns: a\n  nic_tmp: x\n  addr: [a, b]\n";
        assert_eq!(faults(both).len(), 2);
    }

    #[test]
    fn a_plan_is_a_list_of_links() {
        for (text, expected) in [
            ("", "1:1: the plan is empty"),
            ("links:\n", "1:1: links: expected a list, found nothing"),
            ("- a\n", "1:1: expected \"links:\", found a list"),
            ("link: []\n", "1:1: unknown key \"link\": did you mean links?"),
            ("{}\n", "1:1: the plan is empty"),
            ("links:\n- nic_tmp: veth0\n", "2:3: the link has no inspect_ns"),
        ] {
            assert!(faults(text)[0].starts_with(expected), "{:?}", faults(text));
        }
    }
}
