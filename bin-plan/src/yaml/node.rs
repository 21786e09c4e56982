//! The values of a document, and looking into them.

use std::rc::Rc;

use super::scalar::Scalar;
use crate::fault::{Fault, Position, few, meant};

/// A value and its position. What an alias stands for is shared, not copied: only the value itself has the position of the
/// alias, and what is inside it that of the anchored text, where a fault is to be mended.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) position: Position,
    pub(crate) content: Content,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Scalar(Rc<Scalar>),
    List(Rc<Vec<Node>>),
    Map(Rc<Vec<KeyValue>>),
}

/// An entry of a map.
#[derive(Clone, Debug)]
pub(crate) struct KeyValue {
    pub(crate) position: Position,
    pub(crate) key: String,
    pub(crate) value: Node,
}

impl Content {
    /// The value in a message.
    pub(crate) fn display(&self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.display(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
        }
    }
}

impl Node {
    /// Its entries, where it is a map.
    pub(crate) fn entries(&self) -> Option<&[KeyValue]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key, where it is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Its single value.
    ///
    /// # Errors
    /// If it is a list or a map.
    pub(crate) fn scalar(&self) -> Result<&Scalar, String> {
        match &self.content {
            Content::Scalar(scalar) => Ok(scalar),
            other => Err(format!("expected a single value, found {}", other.display())),
        }
    }

    /// A fault for a value that is not `what` its key wants.
    pub(crate) fn expected(&self, key: &str, what: &str) -> Fault {
        self.position.fault(format!("{key}: expected {what}, found {}", self.content.display()))
    }

    /// Whether nothing was written for it, or a word for nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(&self.content, Content::Scalar(scalar) if scalar.is_nothing())
    }
}

/// A fault for a key that is none of the `known` ones.
pub(crate) fn unknown_key(entry: &KeyValue, known: &[&str]) -> Fault {
    let key = &entry.key;
    entry.position.fault(match (meant(key, known), few(known)) {
        (Some(right), _) => format!("unknown key \"{key}\": did you mean {right}?"),
        (None, Some(keys)) => format!("unknown key \"{key}\" (the keys are {keys})"),
        (None, None) => format!("unknown key \"{key}\" (nicon-plan --help shows a plan, and says where all keys are)"),
    })
}
