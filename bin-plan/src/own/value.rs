//! The types of values, and what they become in a record.

use std::ops::RangeInclusive;

use nicon_core::suggest::several;
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::yaml::{Content, KeyValue, Node, Scalar, unknown_key};

/// The type of a value.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    Text,
    /// Text of a number and a unit, of which this is one.
    Quantity(&'static str),
    /// A list of texts, or a single text.
    Texts,
    Number(RangeInclusive<u32>),
    NumberOrText,
    Boolean,
    /// A list of numbers or texts, or a single one.
    NumbersOrTexts,
    /// Numbers or texts by name.
    Settings,
    /// Booleans by name.
    Switches,
    /// A list of maps, each with its own keys.
    Maps(&'static [(&'static str, Type)]),
}

/// What a PID can be, and an MTU, as far as all drivers go.
pub(crate) const POSITIVE: RangeInclusive<u32> = 1..=i32::MAX as u32;

/// Refuses a value of a field that the program which reads it would refuse.
type Check<'a> = &'a dyn Fn(&Value) -> Result<(), String>;

impl Type {
    /// The value of a field. The items of a list, and the entries of a map, are checked one by one.
    ///
    /// # Errors
    /// All its faults.
    pub(crate) fn read(&self, key: &str, node: &Node, check: Check) -> Result<Value, Vec<Fault>> {
        let one_of_a_list = |value: &Value| {
            let check = |value: Value| check(&Value::Array(vec![value]));
            check(value.clone()).map_err(|why| {
                let parts = several(value.as_str().unwrap_or_default(), |part| check(part.into()).is_ok());
                parts.map_or(why.clone(), |parts| format!("{why} (several are a list: [{}])", parts.join(", ")))
            })
        };
        match self {
            Self::Texts => items(node, |item| Self::Text.read(key, item, &one_of_a_list)),
            Self::NumbersOrTexts => items(node, |item| Self::NumberOrText.read(key, item, &one_of_a_list)),
            Self::Settings => map(key, node, |entry| Self::NumberOrText.entry(key, entry, check)),
            Self::Switches => map(key, node, |entry| Self::Boolean.entry(key, entry, check)),
            Self::Maps(keys) => items(node, |item| {
                let value = map(key, item, |entry| of_map(key, keys, entry))?;
                one_of_a_list(&value).map_err(|why| vec![fault(key, item, &why)])?;
                Ok(value)
            }),
            single => single.single(node, check).map_err(|why| vec![fault(key, node, &why)]),
        }
    }

    /// The value of an entry of a map.
    fn entry(&self, key: &str, entry: &KeyValue, check: Check) -> Result<Value, Vec<Fault>> {
        let check = |value: &Value| check(&Value::Object(Map::from_iter([(entry.key.clone(), value.clone())])));
        self.single(&entry.value, &check)
            .map_err(|why| vec![fault(key, &entry.value, &format!("{}: {why}", entry.key))])
    }

    fn single(&self, node: &Node, check: Check) -> Result<Value, String> {
        let value = self.scalar(node.scalar()?)?;
        check(&value)?;
        Ok(value)
    }

    fn scalar(&self, scalar: &Scalar) -> Result<Value, String> {
        match self {
            Self::Number(range) => scalar.number(range).map(Value::from),
            Self::NumberOrText => {
                scalar.number(&(0..=u32::MAX)).map(Value::from).or_else(|_| scalar.text().map(Value::from))
            }
            Self::Boolean => scalar.boolean().map(Value::from),
            Self::Quantity(unit) => match scalar.number(&(0..=u32::MAX)) {
                Ok(number) => Err(format!("{number} has no unit: write {number}{unit}")),
                Err(_) => scalar.text().map(Value::from),
            },
            _ => scalar.text().map(Value::from),
        }
    }
}

fn fault(key: &str, node: &Node, why: &str) -> Fault {
    node.position.fault(format!("{key}: {why}"))
}

/// Each item of a list; a single value is a list of one.
fn items(node: &Node, read: impl Fn(&Node) -> Result<Value, Vec<Fault>>) -> Result<Value, Vec<Fault>> {
    let items = match &node.content {
        Content::List(items) => items,
        _ => std::slice::from_ref(node),
    };
    all(items.iter().map(read)).map(Value::Array)
}

fn map(key: &str, node: &Node, read: impl Fn(&KeyValue) -> Result<Value, Vec<Fault>>) -> Result<Value, Vec<Fault>> {
    let Some(entries) = node.entries() else {
        return Err(vec![fault(key, node, &format!("expected a map, found {}", node.content.display()))]);
    };
    let pairs = all(entries.iter().map(|entry| Ok((entry.key.clone(), read(entry)?))))?;
    Ok(Value::Object(pairs.into_iter().collect::<Map<_, _>>()))
}

/// The value of an entry of a map that has its own `keys`.
fn of_map(key: &str, keys: &[(&str, Type)], entry: &KeyValue) -> Result<Value, Vec<Fault>> {
    let Some((name, of)) = keys.iter().find(|(name, _)| *name == entry.key) else {
        let names: Vec<_> = keys.iter().map(|(name, _)| *name).collect();
        return Err(vec![unknown_key(entry, &names)]);
    };
    of.read(&format!("{key}: {name}"), &entry.value, &|_| Ok(()))
}

/// All values, or all faults.
fn all<T>(results: impl Iterator<Item = Result<T, Vec<Fault>>>) -> Result<Vec<T>, Vec<Fault>> {
    let (mut values, mut faults) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}
