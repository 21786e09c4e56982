//! What is told of a container that is followed: what there is, and how it differs from what was told last.

use nicon_core::Record;
use serde_json::{Map, Value};

/// The field that says what has happened to a record's container.
const EVENT: &str = "event";

/// The field that says why the container may be there although it is gone.
pub(super) const UNKNOWN: &str = "unknown";

/// The field that says how the fields were that have changed.
const WAS: &str = "was";

/// The field that repeats what others say, for people.
const HOPS: &str = "hops";

/// The fields that tell which process it is.
const IDENTITY: [&str; 2] = ["pid", "starttime"];

/// What was told last.
#[derive(Default)]
pub(crate) enum Told {
    #[default]
    Nothing,
    /// It is not there, and whether that is known for sure.
    Gone {
        is_sure: bool,
    },
    There(Record),
}

/// What there is.
pub(crate) enum Now {
    /// It is there, and was when the watch began, or was not.
    There(Record, bool),
    /// It is not. This is the record that asks for it.
    Gone(Record),
}

/// What there is to be told, one after the other. What is there instead of something else is told after that has gone.
pub(crate) fn news(told: &mut Told, now: Now) -> Vec<Record> {
    let before = std::mem::take(told);
    match (before, now) {
        (Told::Nothing, Now::Gone(asking)) => {
            *told = Told::Gone { is_sure: is_known(&asking) };
            vec![event("gone", asking)]
        }
        (Told::Gone { is_sure }, Now::Gone(asking)) => {
            let is_sure_now = is_known(&asking);
            *told = Told::Gone { is_sure: is_sure || is_sure_now };
            if !is_sure && is_sure_now { vec![event("gone", asking)] } else { Vec::new() }
        }
        (Told::There(last), Now::Gone(_)) => {
            *told = Told::Gone { is_sure: true };
            vec![event("gone", last)]
        }
        (Told::There(last), Now::There(record, _)) if is_same(&last, &record) => {
            let was = was(&last, &record);
            *told = Told::There(record.clone());
            if was.is_empty() {
                return Vec::new();
            }
            let mut changed = event("changed", record);
            changed.set(WAS, Value::Object(was));
            vec![changed]
        }
        (Told::There(last), Now::There(record, _)) => {
            *told = Told::There(record.clone());
            vec![event("gone", last), event("arrived", record)]
        }
        (before, Now::There(record, was_present)) => {
            *told = Told::There(record.clone());
            let is_present = was_present && matches!(before, Told::Nothing);
            vec![event(if is_present { "present" } else { "arrived" }, record)]
        }
    }
}

/// The record with what has happened.
fn event(what: &str, mut record: Record) -> Record {
    record.set(EVENT, what);
    record
}

/// Whether it is known that a container is gone.
fn is_known(gone: &Record) -> bool {
    gone.get(UNKNOWN).is_none_or(Value::is_null)
}

fn is_same(one: &Record, other: &Record) -> bool {
    IDENTITY.iter().all(|field| one.get(field) == other.get(field))
}

/// The fields that were different, as they were; null if there were none.
fn was(last: &Record, now: &Record) -> Map<String, Value> {
    let names = last.names().chain(now.names());
    let differing = names.filter(|name| *name != HOPS && last.get(name) != now.get(name));
    differing.map(|name| (name.to_owned(), last.get(name).cloned().unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Record {
        Record::parse(text).unwrap()
    }

    fn told(told: &mut Told, now: Now) -> Vec<String> {
        news(told, now).iter().map(|record| serde_json::to_string(record).unwrap()).collect()
    }

    #[test]
    fn each_event_is_told_once() {
        let there = |pid: u32, more: &str| record(&format!(r#"{{"target":"a","pid":{pid},"starttime":1{more}}}"#));
        let asking = || record(r#"{"target":"a"}"#);
        let doubtful = || record(r#"{"target":"a","unknown":"why"}"#);
        let mut last = Told::default();
        for (now, expected) in [
            (Now::Gone(doubtful()), &[r#"{"target":"a","unknown":"why","event":"gone"}"#][..]),
            (Now::Gone(doubtful()), &[]),
            (Now::Gone(asking()), &[r#"{"target":"a","event":"gone"}"#]),
            (Now::Gone(doubtful()), &[]),
            (Now::Gone(asking()), &[]),
            (Now::There(there(1, ""), true), &[r#"{"target":"a","pid":1,"starttime":1,"event":"arrived"}"#]),
            (Now::There(there(1, ""), false), &[]),
            (
                Now::There(there(1, r#","paused":true"#), false),
                &[r#"{"target":"a","pid":1,"starttime":1,"paused":true,"event":"changed","was":{"paused":null}}"#],
            ),
            (
                Now::There(there(2, ""), false),
                &[
                    r#"{"target":"a","pid":1,"starttime":1,"paused":true,"event":"gone"}"#,
                    r#"{"target":"a","pid":2,"starttime":1,"event":"arrived"}"#,
                ],
            ),
            (Now::Gone(asking()), &[r#"{"target":"a","pid":2,"starttime":1,"event":"gone"}"#]),
        ] {
            assert_eq!(told(&mut last, now), expected);
        }
        let there = told(&mut Told::default(), Now::There(there(1, ""), true));
        assert_eq!(there, [r#"{"target":"a","pid":1,"starttime":1,"event":"present"}"#]);
    }
}
