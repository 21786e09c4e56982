//! The keys of a link: the field of the record that each becomes, and what it may hold.

use nicon_core::link::{Selector, Target, Wish};
use nicon_core::{Error, Record, Result};
use serde_json::Value;

use crate::document::{Content, Fault, Node};
use crate::scalar::Scalar;

/// One key.
pub(crate) struct Key {
    /// What a plan calls it.
    pub(crate) name: &'static str,
    /// What a record calls it.
    pub(crate) field: &'static str,
    /// Whether each link must have it.
    pub(crate) required: bool,
    kind: Kind,
    /// Whether the program that it is meant for will take it, asked with a record that holds nothing else.
    check: fn(&Record) -> Result<()>,
}

/// What a value is.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// A list of texts, or one alone.
    Texts,
    Number,
    NumberOrText,
    Truth,
}

/// All keys, in the order of the record's fields.
pub(crate) const KEYS: [Key; 15] = [
    Key { required: true, ..key("inspect_ns", "target", Kind::Text, one_container) },
    Key { required: true, ..key("nic_tmp", "link", Kind::Text, link) },
    key("nic_name", "name", Kind::Text, wish),
    key("expected_pid", "expected_pid", Kind::Number, |_| Ok(())),
    key("from", "from", Kind::NumberOrText, place),
    key("addr", "addr", Kind::Texts, wish),
    key("gateway", "gateway", Kind::Texts, wish),
    key("route", "route", Kind::Texts, wish),
    key("mtu", "mtu", Kind::Number, wish),
    key("mac", "mac", Kind::Text, wish),
    key("master", "master", Kind::Text, wish),
    key("alias", "alias", Kind::Text, wish),
    key("altname", "altname", Kind::Texts, wish),
    key("up", "up", Kind::Truth, wish),
    key("keep", "keep", Kind::Texts, wish),
];

/// What a plan may call them.
pub(crate) fn names() -> [&'static str; KEYS.len()] {
    KEYS.map(|key| key.name)
}

const fn key(name: &'static str, field: &'static str, kind: Kind, check: fn(&Record) -> Result<()>) -> Key {
    Key { name, field, required: false, kind, check }
}

impl Key {
    /// The value of the field.
    ///
    /// # Errors
    /// All that is wrong with it; of a list, with each of its items.
    pub(crate) fn read(&self, node: &Node) -> std::result::Result<Value, Vec<Fault>> {
        let Kind::Texts = self.kind else { return self.item(node).map_err(|fault| vec![fault]) };
        let items = match &node.content {
            Content::List(items) => items,
            _ => std::slice::from_ref(node),
        };
        let (mut values, mut faults) = (Vec::new(), Vec::new());
        for item in items {
            match self.item(item) {
                Ok(value) => values.push(value),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(values.into()) } else { Err(faults) }
    }

    fn item(&self, node: &Node) -> std::result::Result<Value, Fault> {
        let value = match &node.content {
            Content::Scalar(scalar) => self.kind.read(scalar),
            other => Err(format!("expected a single value, found {}", other.shown())),
        };
        let checked = value.and_then(|value| {
            let mut record = Record::default();
            record.set(self.field, &value);
            (self.check)(&record).map_err(|error| error.to_string())?;
            Ok(value)
        });
        checked.map_err(|why| node.place.fault(format!("{}: {why}", self.name)))
    }
}

impl Kind {
    fn read(self, scalar: &Scalar) -> std::result::Result<Value, String> {
        match self {
            Self::Text | Self::Texts => scalar.text().map(Value::from),
            Self::Number => scalar.number().map(Value::from),
            Self::NumberOrText => scalar.number().map(Value::from).or_else(|_| scalar.text().map(Value::from)),
            Self::Truth => scalar.truth().map(Value::from),
        }
    }
}

/// One container by its path. Patterns are for looking around: a link goes to one place.
fn one_container(record: &Record) -> Result<()> {
    match record.text("target")? {
        Some(path) if path.contains(['*', '?', '[']) => {
            Err(Error::failed(format!("a link goes to one container: \"{path}\" is a pattern")))
        }
        _ => Ok(()),
    }
}

fn link(record: &Record) -> Result<()> {
    record.text("link")?.map(str::parse::<Selector>).transpose().map(drop)
}

fn place(record: &Record) -> Result<()> {
    record.get("from").map(Target::try_from).transpose().map(drop)
}

fn wish(record: &Record) -> Result<()> {
    Wish::from_record(record).map(drop)
}
