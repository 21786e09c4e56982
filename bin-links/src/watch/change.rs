//! What a change is called, and what was different before.

use serde_json::{Map, Value};

use crate::record::{LinkRecord, Nic};

pub(super) const PRESENT: &str = "present";
pub(super) const ARRIVED: &str = "arrived";
pub(super) const CHANGED: &str = "changed";
pub(super) const GONE: &str = "gone";

/// What there is to tell of a link that is there; `None` if it is as it was.
pub(super) fn between(before: Option<LinkRecord>, now: LinkRecord, arrival: &'static str) -> Option<LinkRecord> {
    match before {
        None => Some(happened(arrival, now)),
        Some(before) if before != now => {
            let mut changed = happened(CHANGED, now);
            changed.nic.was = Some(was(&before.nic, &changed.nic));
            Some(changed)
        }
        Some(_) => None,
    }
}

/// The record of a link, with what happened to it.
pub(super) fn happened(what: &'static str, mut record: LinkRecord) -> LinkRecord {
    record.nic.event = Some(what);
    record
}

/// The fields that were different, as they were.
fn was(before: &Nic, now: &Nic) -> Map<String, Value> {
    let now = now.to_map();
    before.to_map().into_iter().filter(|(field, value)| now.get(field) != Some(value)).collect()
}
