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

    /// Adds a container's labels to its record, if that is wanted. Returns what is to be told of it if there may be others.
    pub(crate) fn add(&self, record: &mut Record, hit: &Hit) -> Option<String> {
        if !self.is_shown {
            return None;
        }
        let labels = hit.labels();
        let known = labels.into_iter().flat_map(Labels::known);
        record.set(LABELS, known.map(|(key, value)| (key.to_owned(), Value::from(value))).collect::<Map<_, _>>());
        let why = labels.and_then(Labels::unknown_since)?;
        Some(format!("there may be other labels: {why}"))
    }
}

/// Containers whose labels are not known, by the reason: a node may have hundreds of them, for one.
#[derive(Default)]
pub(crate) struct Doubts(Vec<(String, Vec<String>)>);

impl Doubts {
    /// How many containers of one reason are named.
    const MOST: usize = 3;

    /// Adds the container at a path, of which this is not known.
    pub(crate) fn add(&mut self, path: String, why: String) {
        match self.0.iter_mut().find(|known| known.0 == why) {
            Some((_, paths)) => paths.push(path),
            None => self.0.push((why, vec![path])),
        }
    }

    /// What is to be told of them: one error for each reason. There are none afterwards.
    pub(crate) fn take(&mut self) -> Vec<Error> {
        let error = |(why, paths): (String, Vec<String>)| {
            let (shown, count) = (paths[..paths.len().min(Self::MOST)].join(", "), paths.len());
            let more = if count > Self::MOST { ", .." } else { "" };
            let of_all = format!("{count} containers ({shown}{more})");
            Error::failed(why).prefix(if count == 1 { shown } else { of_all })
        };
        std::mem::take(&mut self.0).into_iter().map(error).collect()
    }
}

/// The clear no of a container at a path.
pub(crate) fn has_not(label: &Label) -> Error {
    let Label { key, value } = label;
    let value = value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
    Error::no(format!("the container has no label {key}{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_tells_of_many() {
        let mut doubts = Doubts::default();
        for (path, why) in [("a", "x"), ("b", "y"), ("c", "y"), ("d", "y"), ("e", "y")] {
            doubts.add(path.into(), why.into());
        }
        let told: Vec<_> = doubts.take().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["a: x", "4 containers (b, c, d, ..): y"]);
        assert!(doubts.take().is_empty());
    }
}
