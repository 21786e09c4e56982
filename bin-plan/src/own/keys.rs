//! The keys of a link: the record's field that each becomes, and the values that it may have.

use nicon_core::link::kind::TARGETS_OWN;
use nicon_core::link::{LinkSpec, Selector, Target};
use nicon_core::{Record, Result};
use serde_json::Value;

use super::kinds;
use super::value::{POSITIVE, Type};
use crate::fault::Fault;
use crate::plan::without_field;
use crate::yaml::{KeyValue, unknown_key};

/// What a map of the plan stands for, which decides about its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A link that is moved, or a container that is only looked for.
    Move,
    /// Both ends of a pair.
    Pair,
    /// One end of a pair.
    End,
    /// A link that is made.
    Made,
}

/// A key.
pub(crate) struct Key {
    /// Its name in a plan.
    pub(crate) name: &'static str,
    /// The name of the field in a record.
    pub(crate) field: &'static str,
    /// Where it may stand.
    pub(crate) places: &'static [Place],
    kind: Type,
    /// Checks a record that has only this field with the code of the program that will read it.
    check: fn(&Record) -> Result<()>,
}

const MOVE: &[Place] = &[Place::Move];
const PAIR: &[Place] = &[Place::Pair];
const MADE: &[Place] = &[Place::Made];
/// A link that may lead to another machine.
const FAR: &[Place] = &[Place::Pair, Place::Made];
/// A link of its own: no pair.
const SINGLE: &[Place] = &[Place::Move, Place::Made];
/// One link: what both ends of a pair cannot have alike.
const ONE: &[Place] = &[Place::Move, Place::End, Place::Made];
const ANY: &[Place] = &[Place::Move, Place::Pair, Place::End, Place::Made];

/// All keys, in the order of the record's fields. Of two for the same field, the first is what it was called before the first release.
///
/// Any positive `mtu` is accepted: 68 is the minimum of IPv4 (RFC 791) and of most drivers, but some, such as dummy, take
/// any value. Only the program that gives it to the link knows the driver.
pub(crate) const KEYS: &[Key] = &[
    key("endpoints", "", PAIR, Type::Text),
    key("endpoint", "", ONE, Type::Text),
    key("inspect_ns", "target", SINGLE, Type::Text),
    key("target", "target", SINGLE, Type::Text),
    Key { check: selector, ..key("nic_tmp", "link", MOVE, Type::Text) },
    Key { check: selector, ..key("link", "link", MOVE, Type::Text) },
    key("kind", "kind", MADE, Type::Text),
    key("nic_name", "name", SINGLE, Type::Text),
    key("name", "name", SINGLE, Type::Text),
    key("expected_pid", "expected_pid", ONE, Type::Number(POSITIVE)),
    key("on", "on", ANY, Type::Text),
    Key { check: from, ..key("from", "from", SINGLE, Type::NumberOrText) },
    key("parent", "parent", MADE, Type::Text),
    key("mode", "mode", MADE, Type::Text),
    key("vid", "vid", MADE, Type::Number(1..=4094)),
    key("protocol", "protocol", MADE, Type::Text),
    key("vni", "vni", FAR, Type::Number(0..=0xff_ffff)),
    key("remote", "remote", MADE, Type::Text),
    key("local", "local", MADE, Type::Text),
    key("dst_port", "dst_port", MADE, Type::Number(1..=65535)),
    key("learning", "learning", MADE, Type::Boolean),
    key("vlan_filtering", "vlan_filtering", MADE, Type::Boolean),
    key("stp", "stp", MADE, Type::Boolean),
    key("private_key", "private_key", MADE, Type::Text),
    key("listen_port", "listen_port", MADE, Type::Number(1..=65535)),
    key("peers", "peers", MADE, Type::Maps(&kinds::PEER)),
    key("stitch", "stitch", MADE, Type::Text),
    key("addr", "addr", ONE, Type::Texts),
    key("nodad", "nodad", ANY, Type::Boolean),
    key("gateway", "gateway", ONE, Type::Texts),
    key("route", "route", ONE, Type::Texts),
    key("mtu", "mtu", ANY, Type::Number(POSITIVE)),
    key("mac", "mac", ONE, Type::Text),
    key("master", "master", ONE, Type::Text),
    key("vlan", "vlan", ONE, Type::NumbersOrTexts),
    key("pvid", "pvid", ONE, Type::Number(1..=4094)),
    key("untagged", "untagged", ONE, Type::NumbersOrTexts),
    key("isolated", "isolated", ONE, Type::Boolean),
    key("alias", "alias", ONE, Type::Text),
    key("altname", "altname", ONE, Type::Texts),
    key("promisc", "promisc", ANY, Type::Boolean),
    key("txqueuelen", "txqueuelen", ANY, Type::Number(0..=u32::MAX)),
    key("sysctl", "sysctl", ANY, Type::Settings),
    key("offload", "offload", ANY, Type::Switches),
    key("delay", "delay", ANY, Type::Quantity("ms")),
    key("jitter", "jitter", ANY, Type::Quantity("ms")),
    key("loss", "loss", ANY, Type::Quantity("%")),
    key("rate", "rate", ANY, Type::Quantity("mbit")),
    key("up", "up", ANY, Type::Boolean),
    key("keep", "keep", MOVE, Type::Texts),
];

/// The names of the keys that whoever wrote another in this place may have meant. What says neither that it is an end nor of what kind
/// it is may be meant as any link.
fn names(place: Place) -> Vec<&'static str> {
    let is_any = matches!(place, Place::Move | Place::Pair);
    KEYS.iter().filter(|key| is_any || key.places.contains(&place)).map(|key| key.name).collect()
}

/// The fields that keys become, each once.
pub(crate) fn fields() -> impl Iterator<Item = &'static str> {
    let is_first = |&(at, key): &(usize, &Key)| KEYS[..at].iter().all(|before| before.field != key.field);
    KEYS.iter().enumerate().filter(is_first).map(|(_, key)| key.field).filter(|field| !field.is_empty())
}

const fn key(name: &'static str, field: &'static str, places: &'static [Place], kind: Type) -> Key {
    Key { name, field, places, kind, check: wish }
}

impl Key {
    /// The key of an entry.
    ///
    /// # Errors
    /// If there is none of that name, or it may not stand there.
    pub(crate) fn of(entry: &KeyValue, place: Place) -> std::result::Result<&'static Self, Fault> {
        let key = KEYS.iter().find(|key| key.name == entry.key).ok_or_else(|| unknown_key(entry, &names(place)))?;
        if key.places.contains(&place) {
            return Ok(key);
        }
        let name = key.name;
        let why = match (key.places, place) {
            (ONE, Place::Pair) => {
                let example = format!("{{endpoint: \"a.b:eth1\", {name}: ..}}");
                format!("the two ends cannot have the same: give it to one of the endpoints, as {example}")
            }
            (MOVE, _) => "only a link that is moved has it".to_owned(),
            (MADE, _) => "only a link that is made has it, with kind".to_owned(),
            (FAR, Place::End) => "both ends have the same: give it to the link as a whole".to_owned(),
            (FAR, _) => "only a link that is made has it, with kind, or a pair between machines".to_owned(),
            (SINGLE, _) => "an end of a pair has an endpoint instead, such as \"a.b:eth1\"".to_owned(),
            _ => "not here".to_owned(),
        };
        Err(entry.position.fault(format!("{name}: {why}")))
    }

    /// The value of the field.
    ///
    /// # Errors
    /// All its faults: those of each item if it is a list.
    pub(crate) fn read(&self, entry: &KeyValue) -> std::result::Result<Value, Vec<Fault>> {
        self.kind.read(self.name, &entry.value, &|value| {
            let mut record = Record::default();
            record.set(self.field, value);
            (self.check)(&record).map_err(|error| without_field(&error, self.field))
        })
    }
}

fn selector(record: &Record) -> Result<()> {
    record.text("link")?.map(str::parse::<Selector>).transpose().map(drop)
}

fn from(record: &Record) -> Result<()> {
    match record.get("from") {
        Some(from) if from != TARGETS_OWN => Target::try_from(from).map(drop),
        _ => Ok(()),
    }
}

fn wish(record: &Record) -> Result<()> {
    LinkSpec::from_record(record).map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use boon::{Compiler, Schemas};
    use nicon_core::link::kind::{FIELDS, Kind, fields_of};
    use serde_json::Map;

    use super::*;
    use crate::targets::Targets;
    use crate::yaml::{self, Content, Node};

    fn schema() -> Value {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plan.schema.json");
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    fn keys(value: &Value) -> BTreeSet<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn the_schema_has_the_keys() {
        let schema = schema();
        let places = [(Place::Move, "move"), (Place::Pair, "pair"), (Place::End, "end"), (Place::Made, "made")];
        for (place, name) in places {
            let known: BTreeSet<_> =
                KEYS.iter().filter(|key| key.places.contains(&place)).map(|key| key.name).collect();
            assert_eq!(keys(&schema["definitions"][name]["properties"]), known, "{name}");
        }
        let Type::Maps(of_peers) = &KEYS.iter().find(|key| key.name == "peers").unwrap().kind else { panic!() };
        let of_peers: BTreeSet<_> = of_peers.iter().map(|(name, _)| *name).collect();
        assert_eq!(keys(&schema["definitions"]["peers"]["items"]["properties"]), of_peers);
    }

    #[test]
    fn the_schema_has_the_kinds() {
        let schema = schema();
        let names: Vec<_> =
            schema["definitions"]["kind"]["enum"].as_array().unwrap().iter().map(Value::as_str).collect();
        let names: Vec<_> = names.into_iter().map(Option::unwrap).collect();
        assert!("".parse::<Kind>().unwrap_err().to_string().ends_with(&names.join(", ")), "{names:?}");
        for name in names {
            let (needed, allowed) = fields_of(name.parse().unwrap());
            let of_the_kind = |rule: &&Value| rule["if"]["properties"]["kind"]["const"] == name;
            let rules = schema["definitions"]["made"]["allOf"].as_array().unwrap();
            let rule = &rules.iter().find(of_the_kind).unwrap()["then"];
            let list = |value: &Value| -> BTreeSet<String> {
                value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap().to_owned()).collect()
            };
            assert_eq!(list(&rule["required"]), needed.iter().map(|&field| field.to_owned()).collect(), "{name}");
            let foreign = list(&rule["propertyNames"]["not"]["enum"]);
            for field in FIELDS.iter().filter(|field| **field != "kind") {
                assert_eq!(
                    foreign.contains(*field),
                    !needed.contains(field) && !allowed.contains(field),
                    "{name} {field}"
                );
            }
        }
    }

    /// A document as JSON, by YAML's core schema.
    fn json(node: &Node) -> Value {
        match &node.content {
            Content::List(items) => items.iter().map(json).collect(),
            Content::Map(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect::<Map<_, _>>(),
            ),
            Content::Scalar(scalar) if scalar.plain => match &*scalar.text {
                "" | "~" | "null" => Value::Null,
                "true" => true.into(),
                "false" => false.into(),
                text => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
            },
            Content::Scalar(scalar) => scalar.text.clone().into(),
        }
    }

    /// What a schema can express, it judges as the program does.
    #[test]
    fn the_schema_judges_alike() {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("plan.json", schema()).unwrap();
        let index = compiler.compile("plan.json", &mut schemas).unwrap();
        let judge = |text: &str, is_good: bool| {
            let document = yaml::parse(text).unwrap().unwrap();
            let plan = crate::own::read(Some(&document), &Targets::default(), "");
            assert_eq!(plan.faults.is_empty(), is_good, "{text}: {:?}", plan.faults);
            let json = json(&document);
            let judged = schemas.validate(&json, index);
            assert_eq!(
                judged.is_ok(),
                is_good,
                "{text}: {}",
                judged.err().map_or_else(String::new, |why| why.to_string())
            );
        };
        for good in [
            "{name: lab1, links: []}",
            "{x-mine: [1], links: [{inspect_ns: a.b, expected_pid: 42}]}",
            "links:\n- {inspect_ns: a, nic_tmp: veth0, nic_name: eth1, from: 42, up: false, keep: [addr, sysctl]}\n- {link: veth1, from: blue, endpoint: \"a:eth2\", mtu: 1400}\n- {target: b, link: veth2, name: eth1}\n",
            "links:\n- {endpoints: [\"a:x\", \"b:x\"], mtu: 9000, nodad: true, delay: 10ms, jitter: 2ms, loss: 0.5%, rate: 10mbit, promisc: true, txqueuelen: 0, sysctl: {ipv4.conf.rp_filter: 0}, offload: {tx: false}}\n",
            "links:\n- endpoints:\n  - {endpoint: \"a:x\", addr: 192.0.2.1/30, gateway: [192.0.2.2], route: \"198.51.100.0/24,192.0.2.2\", mac: 02:00:5e:00:53:01}\n  - {endpoint: \"host:x\", master: br0, vlan: [10, 20-29], pvid: 5, untagged: 5, isolated: true, alias: up link, altname: [wan], expected_pid: 7}\n",
            "links:\n- {kind: macvlan, endpoint: \"a:x\", parent: ens3, mode: bridge}\n- {kind: vlan, endpoint: \"a:y\", parent: eth0, vid: 7, protocol: 802.1ad, from: target}\n- {kind: vxlan, endpoint: \"a:z\", vni: 100, remote: 192.0.2.9, local: 192.0.2.1, dst_port: 8472, learning: false}\n- {kind: bridge, inspect_ns: a, nic_name: br0, vlan_filtering: true, stp: false}\n- {kind: dummy, target: a, name: d0}\n",
            "{machines: {one: {address: 192.0.2.1}, two: {address: lab2.example.net, mtu: 9000}, three: }, nodes: {\"a*\": {on: one}}, vni: 5000, links: [{endpoints: [\"a:x\", {endpoint: \"b:x\", on: two}], vni: 7}, {endpoints: [\"c:x\", \"d:x\"], on: three}]}",
        ] {
            judge(good, true);
        }
        for bad in [
            "{}",
            "{link: []}",
            "{links: {}}",
            "{links: [7]}",
            "{name: a b, links: [x]}",
            "{links: [{}]}",
            "{links: [{nic_tmp: x}]}",
            "{links: [{inspect_ns: a, nic_name: x}]}",
            "{links: [{inspect_ns: a, target: a, nic_tmp: x}]}",
            "{links: [{inspect_ns: a, nic_tmp: x, link: x}]}",
            "{links: [{endpoint: \"a:x\", nic_tmp: x, name: y}]}",
            "{links: [{inspect_ns: a, nic_tmp: x, mtu: \"1400\"}]}",
            "{links: [{inspect_ns: a, nic_tmp: x, up: 1}]}",
            "{links: [{inspect_ns: a, nic_tmp: x, addr: 192.0.2.1}]}",
            "{links: [{inspect_ns: a, nic_tmp: x, keep: mtu}]}",
            "{links: [{inspect_ns: a, nic_tmp: x, vni: 7}]}",
            "{links: [{inspect_ns: a, nic_tmp: x, sysctl: [a]}]}",
            "{links: [{inspect_ns: a, nic_tmp: x, offload: {tx: 0}}]}",
            "{links: [{inspect_ns: a, nic_tmp: x, pvid: 4095}]}",
            "{links: [{endpoints: [\"a:x\"]}]}",
            "{links: [{endpoints: [\"a:x\", b]}]}",
            "{links: [{endpoints: [\"a:x\", {addr: 192.0.2.1/24}]}]}",
            "{links: [{endpoints: [\"a:x\", \"b:x\"], mac: \"02:00:5e:00:53:01\"}]}",
            "{links: [{endpoints: [\"a:x\", \"b:x\"], keep: addr}]}",
            "{links: [{kind: dummy}]}",
            "{links: [{kind: dummi, endpoint: \"a:x\"}]}",
            "{links: [{kind: dummy, endpoint: \"a:x\", vid: 7}]}",
            "{links: [{kind: dummy, endpoint: \"a:x\", name: z}]}",
            "{links: [{kind: vlan, endpoint: \"a:x\", parent: eth0}]}",
            "{links: [{kind: vlan, endpoint: \"a:x\", parent: eth0, vid: 0}]}",
            "{links: [{kind: vxlan, endpoint: \"a:x\", vni: 16777216}]}",
            "{links: [{kind: vxlan, endpoint: \"a:x\", vni: 1, remote: here}]}",
            "{nodes: {a: {on: one}}, links: []}",
            "{vni: 7, links: []}",
            "{machines: {}, links: []}",
            "{machines: {one: {addres: 192.0.2.1}}, links: []}",
            "{machines: {one: {mtu: 100}}, links: []}",
            "{machines: {one: }, vni: 16777215, links: []}",
            "{machines: {one: }, nodes: {a: one}, links: []}",
            "{machines: {one: }, nodes: {a: {}}, links: []}",
        ] {
            judge(bad, false);
        }
    }
}
