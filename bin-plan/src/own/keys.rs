//! The keys of a link: the record's field that each becomes, and the values that it may have.

use nicon_core::link::kind::TARGETS_OWN;
use nicon_core::link::{LinkSpec, Selector, Target};
use nicon_core::{Record, Result};
use serde_json::Value;

use super::kinds;
use super::value::{PIDS, Type};
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
/// A link of its own: no pair.
const SINGLE: &[Place] = &[Place::Move, Place::Made];
/// One link: what both ends of a pair cannot have alike.
const ONE: &[Place] = &[Place::Move, Place::End, Place::Made];
const ANY: &[Place] = &[Place::Move, Place::Pair, Place::End, Place::Made];

/// All keys, in the order of the record's fields. Of two for the same field, the first is what nicon 0.1 called it.
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
    key("expected_pid", "expected_pid", ONE, Type::Number(PIDS)),
    key("on", "on", ANY, Type::Text),
    Key { check: from, ..key("from", "from", SINGLE, Type::NumberOrText) },
    key("parent", "parent", MADE, Type::Text),
    key("mode", "mode", MADE, Type::Text),
    key("vid", "vid", MADE, Type::Number(1..=4094)),
    key("protocol", "protocol", MADE, Type::Text),
    key("vni", "vni", MADE, Type::Number(0..=0xff_ffff)),
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
    key("mtu", "mtu", ANY, Type::Number(PIDS)),
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
    key("delay", "delay", ANY, Type::Text),
    key("jitter", "jitter", ANY, Type::Text),
    key("loss", "loss", ANY, Type::Text),
    key("rate", "rate", ANY, Type::Text),
    key("up", "up", ANY, Type::Boolean),
    key("keep", "keep", MOVE, Type::Texts),
];

/// The names of all keys.
pub(crate) fn names() -> Vec<&'static str> {
    KEYS.iter().map(|key| key.name).collect()
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
        let key = KEYS.iter().find(|key| key.name == entry.key).ok_or_else(|| unknown_key(entry, &names()))?;
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
