//! Labels: which containers are wanted by them, and what records say of them.

use nicon_core::{Error, Record, Result};
use nicon_resolve::{Hit, Labels};
use serde_json::{Map, Value};

use crate::cli::args::{Args, Label};

/// The field.
const LABELS: &str = "labels";

/// What is wanted of labels.
pub(crate) struct LabelWish {
    /// Whether records have them.
    is_shown: bool,
    having: Vec<Label>,
}

impl From<&Args> for LabelWish {
    fn from(args: &Args) -> Self {
        Self { is_shown: args.labels, having: args.label.clone() }
    }
}

impl LabelWish {
    /// The first label that is wanted and that a container has not.
    ///
    /// # Errors
    /// If that is not known.
    pub(crate) fn lacking(&self, hit: &Hit) -> Result<Option<&Label>> {
        for label in &self.having {
            if !hit.labels().map_or(Ok(false), |labels| labels.has(&label.key, label.value.as_deref()))? {
                return Ok(Some(label));
            }
        }
        Ok(None)
    }

    /// Adds a container's labels to its record, if that is wanted. Returns what is to be told if there may be others.
    pub(crate) fn add(&self, record: &mut Record, hit: &Hit) -> Option<Error> {
        if !self.is_shown {
            return None;
        }
        let labels = hit.labels();
        let known = labels.into_iter().flat_map(Labels::known);
        record.set(LABELS, known.map(|(key, value)| (key.to_owned(), Value::from(value))).collect::<Map<_, _>>());
        let why = labels.and_then(Labels::unknown_since)?;
        Some(Error::failed(format!("{}: it may have other labels: {why}", hit.path())))
    }
}

/// The clear no of a container at a path.
pub(crate) fn has_not(label: &Label) -> Error {
    let Label { key, value } = label;
    let value = value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
    Error::no(format!("the container has no label {key}{value}"))
}
