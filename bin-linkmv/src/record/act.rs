//! What a record asks for.

use nicon_core::{Error, Record, Result};

/// The one thing that a record asks for, by the field that asks for it. Each is one program's to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// `link`: a link is to be moved.
    Link,
    /// `pair`: the record is one end of a pair that is to be made.
    Pair,
    /// `kind`: a link of this kind is to be made.
    Kind,
}

const ACTS: [(&str, Act); 3] = [("link", Act::Link), ("pair", Act::Pair), ("kind", Act::Kind)];

impl Act {
    /// The act of a record, if it has one.
    ///
    /// # Errors
    /// If it has several, since it is then unclear which of its other fields belong to which.
    pub(crate) fn of(record: &Record) -> Result<Option<Self>> {
        // What version 0.1 printed has its deed in the fields that are wishes now.
        if record.get("undo").is_some() {
            return Ok(None);
        }
        let asked = |(field, _): &&(&str, Act)| record.get(field).is_some_and(|value| !value.is_null());
        let mut asked = ACTS.iter().filter(asked);
        match (asked.next(), asked.next()) {
            (Some((one, _)), Some((other, _))) => Err(Error::failed(format!(
                "the record has both \"{one}\" and \"{other}\": give each a record of its own"
            ))),
            (first, _) => Ok(first.map(|(_, act)| *act)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_asks_for_one_thing() {
        let act = |line: &str| Act::of(&Record::parse(line).unwrap());
        assert_eq!(act(r#"{"pid":1,"link":"a","pair":null}"#).unwrap(), Some(Act::Link));
        assert_eq!(act(r#"{"pair":"a","name":"b"}"#).unwrap(), Some(Act::Pair));
        assert_eq!(act(r#"{"pid":1,"nic":{"kind":"veth"}}"#).unwrap(), None);
        assert_eq!(act(r#"{"link":"a","name":"b","undo":{}}"#).unwrap(), None);
        let two = act(r#"{"kind":"vxlan","link":"a"}"#).unwrap_err().to_string();
        assert!(two.contains("both \"link\" and \"kind\""), "{two}");
    }
}
