//! The keys of a link: the record's field that each becomes, and the values that it may have.

use nicon_core::link::{LinkSpec, Selector, Target};
use nicon_core::{Error, Record, Result, path};
use serde_json::Value;

use crate::document::{Content, Fault, Node};
use crate::scalar::Scalar;

/// A key.
pub(crate) struct Key {
    /// Its name in a plan.
    pub(crate) name: &'static str,
    /// The name of the field in a record.
    pub(crate) field: &'static str,
    /// What an entry without it is refused for.
    pub(crate) need: Need,
    kind: Kind,
    /// Checks a record that has only this field with the code of the program that will read it.
    check: fn(&Record) -> Result<()>,
}

/// Which entries must have a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    All,
    /// Those with a key that says what a link is to become. Others only name a container that is to be found.
    Links,
    None,
}

/// The type of a value.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// A list of texts, or a single text.
    Texts,
    Number,
    NumberOrText,
    Boolean,
}

/// All keys, in the order of the record's fields.
///
/// Any positive `mtu` is accepted: 68 is the minimum of IPv4 (RFC 791) and of most drivers, but some, such as dummy, take
/// any value. Only nicon-linkmv knows the link's driver.
pub(crate) const KEYS: [Key; 15] = [
    Key { need: Need::All, ..key("inspect_ns", "target", Kind::Text, one_container) },
    Key { need: Need::Links, ..key("nic_tmp", "link", Kind::Text, link) },
    key("nic_name", "name", Kind::Text, wish),
    key("expected_pid", "expected_pid", Kind::Number, |_| Ok(())),
    key("from", "from", Kind::NumberOrText, namespace),
    key("addr", "addr", Kind::Texts, wish),
    key("gateway", "gateway", Kind::Texts, wish),
    key("route", "route", Kind::Texts, wish),
    key("mtu", "mtu", Kind::Number, wish),
    key("mac", "mac", Kind::Text, wish),
    key("master", "master", Kind::Text, wish),
    key("alias", "alias", Kind::Text, wish),
    key("altname", "altname", Kind::Texts, wish),
    key("up", "up", Kind::Boolean, wish),
    key("keep", "keep", Kind::Texts, wish),
];

/// The names of all keys.
pub(crate) fn names() -> [&'static str; KEYS.len()] {
    KEYS.map(|key| key.name)
}

const fn key(name: &'static str, field: &'static str, kind: Kind, check: fn(&Record) -> Result<()>) -> Key {
    Key { name, field, need: Need::None, kind, check }
}

impl Key {
    /// Whether it says what a link is to become.
    pub(crate) fn is_of_links(&self) -> bool {
        !matches!(self.field, "target" | "expected_pid")
    }

    /// The value of the field.
    ///
    /// # Errors
    /// All its faults: those of each item if it is a list.
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
            other => Err(format!("expected a single value, found {}", other.display())),
        };
        let checked = value.and_then(|value| {
            let mut record = Record::default();
            record.set(self.field, &value);
            (self.check)(&record).map_err(|error| error.to_string())?;
            Ok(value)
        });
        checked.map_err(|why| node.position.fault(format!("{}: {why}", self.name)))
    }
}

impl Kind {
    fn read(self, scalar: &Scalar) -> std::result::Result<Value, String> {
        match self {
            Self::Text | Self::Texts => scalar.text().map(Value::from),
            Self::Number => scalar.number().map(Value::from),
            Self::NumberOrText => scalar.number().map(Value::from).or_else(|_| scalar.text().map(Value::from)),
            Self::Boolean => scalar.boolean().map(Value::from),
        }
    }
}

/// The path of a single container: a link cannot go to all that match a pattern.
fn one_container(record: &Record) -> Result<()> {
    match record.text("target")? {
        Some(path) if path.contains(['*', '?', '[']) => {
            Err(Error::failed(format!("a link goes to one container: \"{path}\" is a pattern")))
        }
        Some(path) if path::Start::parse(path)?.is_some() => Ok(()),
        Some(path) => path::parse(path).map(drop),
        None => Ok(()),
    }
}

fn link(record: &Record) -> Result<()> {
    record.text("link")?.map(str::parse::<Selector>).transpose().map(drop)
}

fn namespace(record: &Record) -> Result<()> {
    record.get("from").map(Target::try_from).transpose().map(drop)
}

fn wish(record: &Record) -> Result<()> {
    LinkSpec::from_record(record).map(drop)
}
