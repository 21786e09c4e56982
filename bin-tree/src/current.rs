//! What a stream of records has told so far: of each container and each link the last record.

use std::collections::{BTreeMap, HashMap};

use nicon_core::{Record, Result};
use serde_json::Value;

use crate::nest::Nest;

/// What has not gone, in the order in which it was told first.
#[derive(Default)]
pub(crate) struct Current {
    records: BTreeMap<u64, (Key, Record)>,
    places: HashMap<Key, u64>,
    next: u64,
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// A container by its ID and those around it, or else what was asked for.
    who: String,
    /// The machine, and its boot.
    machine: (String, String),
    /// The network namespace and the ifindex of its link.
    link: Option<(u64, u64)>,
}

impl Current {
    /// Takes notice of a record: one of what has gone takes it away.
    ///
    /// # Errors
    /// If it cannot be drawn. Nothing is changed then.
    pub(crate) fn hear(&mut self, record: Record) -> Result<()> {
        let nic = record.get("nic").filter(|nic| nic.is_object());
        let key =
            Key { who: who(&record), machine: (record.cell("machine"), record.cell("boot")), link: nic.and_then(link) };
        let is_gone = |of: Option<&Value>| of.and_then(Value::as_str) == Some("gone");
        if is_gone(record.get("event")) {
            // Its links are gone as well.
            let gone: Vec<u64> = self
                .records
                .iter()
                .filter(|(_, (of, _))| (&of.who, &of.machine) == (&key.who, &key.machine))
                .map(|(at, _)| *at)
                .collect();
            for at in gone {
                self.remove(at);
            }
        } else if is_gone(nic.and_then(|nic| nic.get("event"))) {
            if let Some(at) = self.places.get(&key) {
                self.remove(*at);
            }
        } else {
            Nest::default().add(record.clone())?;
            let at = *self.places.entry(key.clone()).or_insert(self.next);
            self.next += u64::from(at == self.next);
            self.records.insert(at, (key, record));
        }
        Ok(())
    }

    /// The nest of what is there.
    ///
    /// # Errors
    /// None that [`Current::hear`] has not told of.
    pub(crate) fn nest(&self) -> Result<Nest> {
        let mut nest = Nest::default();
        self.records.values().try_for_each(|(_, record)| nest.add(record.clone()))?;
        Ok(nest)
    }

    fn remove(&mut self, at: u64) {
        if let Some((key, _)) = self.records.remove(&at) {
            self.places.remove(&key);
        }
    }
}

/// A container may have another name by now, and another process.
fn who(record: &Record) -> String {
    let hops = record.get("hops").and_then(Value::as_array).into_iter().flatten();
    let ids: Vec<&str> =
        hops.map(|hop| hop.get("id").or_else(|| hop.get("name")).and_then(Value::as_str).unwrap_or("")).collect();
    if ids.is_empty() { format!("{} {}", record.cell("target"), record.cell("pid")) } else { ids.join("/") }
}

fn link(nic: &Value) -> Option<(u64, u64)> {
    Some((nic.get("netns")?.as_u64()?, nic.get("ifindex")?.as_u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nest::tests::record;

    fn names(current: &Current) -> Vec<String> {
        current.nest().unwrap().nodes.iter().filter(|node| !node.is_machine()).map(|node| node.name.clone()).collect()
    }

    #[test]
    fn what_has_gone_is_not_drawn() {
        let mut current = Current::default();
        for path in [&["a"][..], &["b"], &["a", "c"]] {
            current.hear(record(path, r#","event":"present""#)).unwrap();
        }
        current.hear(record(&["b"], r#","event":"changed""#)).unwrap();
        assert_eq!(names(&current), ["a", "b", "c"]);
        current.hear(record(&["b"], r#","event":"gone""#)).unwrap();
        current.hear(Record::parse(r#"{"target":"never","event":"gone"}"#).unwrap()).unwrap();
        assert_eq!(names(&current), ["a", "c"]);
        current.hear(record(&["b"], r#","event":"arrived""#)).unwrap();
        assert_eq!(names(&current), ["a", "c", "b"]);
    }

    #[test]
    fn links_come_and_go_and_go_with_their_container() {
        let mut current = Current::default();
        let nic = |event: &str, ifindex: u8| {
            format!(r#","nic":{{"name":"eth{ifindex}","ifindex":{ifindex},"netns":7,"event":"{event}"}}"#)
        };
        let links =
            |current: &Current| current.nest().unwrap().nodes.iter().map(|node| node.links.len()).sum::<usize>();
        for ifindex in [1, 2, 3] {
            current.hear(record(&["a"], &nic("present", ifindex))).unwrap();
        }
        current.hear(record(&["a"], &nic("changed", 2))).unwrap();
        current.hear(record(&["a"], &nic("gone", 1))).unwrap();
        assert_eq!((links(&current), names(&current)), (2, vec!["a".to_owned()]));
        current.hear(record(&["a"], r#","event":"gone""#)).unwrap();
        assert!(names(&current).is_empty() && current.places.is_empty());
        assert!(current.hear(Record::default()).is_err());
    }
}
