//! What was done, as the field `done` of a record lists it: one deed for each act, the last one at the end.

use nicon_core::machine::Machine;
use nicon_core::{Error, Record, Result};
use nicon_rtnl::Link;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::random;

/// The field.
const DONE: &str = "done";

/// The flat fields in which version 0.1 recorded what was done. Others, such as `mtu`, were the caller's.
const FIELDS_OF_0_1: [&str; 7] = ["link", "name", "ifindex", "mac", "changed", "lost", "undo"];

/// One thing that was done to a link.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct Deed {
    /// Identifies it: the records of both ends of a pair have the same deed. `None` in a record of 0.1.
    pub(crate) id: Option<String>,
    /// The program that did it.
    pub(crate) by: String,
    /// Inode number of the network namespace where the link is since. `None` in a record of 0.1, which means the record's own.
    pub(crate) netns: Option<u64>,
    /// The link's name where it came from, if it came from somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
    /// Its name since.
    pub(crate) name: String,
    /// Its ifindex since.
    pub(crate) ifindex: u32,
    /// False if everything had been done before.
    pub(crate) changed: bool,
    /// What the link lost in a move, or null if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lost: Option<Value>,
    /// What the program needs to take it back, or null if there is nothing to take back.
    pub(crate) undo: Value,
    /// The link's hardware address since, if the record still has its facts.
    #[serde(skip)]
    pub(crate) mac: Option<String>,
}

/// What is needed to remove a pair of which one end is this deed's link.
#[derive(Serialize, Deserialize)]
pub(crate) struct PairUndo {
    /// What identifies this end wherever it goes (see [`nicon_rtnl::sysfs`]), if that could be found out.
    pub(crate) inode: Option<u64>,
    pub(crate) peer: PeerUndo,
}

/// The other end.
#[derive(Serialize, Deserialize)]
pub(crate) struct PeerUndo {
    /// Inode number of its network namespace.
    pub(crate) netns: u64,
    pub(crate) name: String,
    pub(crate) ifindex: u32,
    pub(crate) inode: Option<u64>,
}

/// What is needed to remove a single link.
#[derive(Serialize, Deserialize)]
pub(crate) struct MadeUndo {
    pub(crate) kind: String,
    pub(crate) ifindex: u32,
    /// What identifies it wherever it goes, if that could be found out.
    pub(crate) inode: Option<u64>,
    /// The link that it was stitched to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stitch: Option<StitchUndo>,
}

/// A link of the same network namespace to which another one was stitched.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StitchUndo {
    pub(crate) name: String,
    pub(crate) ifindex: u32,
    pub(crate) inode: Option<u64>,
    /// Whether it could not have filters before.
    pub(crate) qdisc: bool,
}

impl Deed {
    /// An identifier that no other deed has.
    ///
    /// # Errors
    /// If the kernel gives no random bytes.
    pub(crate) fn new_id() -> Result<String> {
        Ok(format!("{:016x}", u64::from_ne_bytes(random::bytes()?)))
    }

    /// That of a program which made, moved or changed a link that is now in the namespace with the inode number `netns`. It changed
    /// something, and it lost nothing.
    pub(crate) fn of(by: &str, id: &str, link: &Link, netns: u64, undo: &impl Serialize) -> Self {
        Self {
            id: Some(id.to_owned()),
            by: by.to_owned(),
            netns: Some(netns),
            link: None,
            name: link.name.clone(),
            ifindex: link.ifindex,
            changed: true,
            lost: None,
            undo: serde_json::to_value(undo).expect("plain data"),
            mac: link.mac.clone(),
        }
    }

    /// All deeds of a record, the first one first.
    ///
    /// # Errors
    /// If they cannot be understood.
    pub(crate) fn all(record: &Record) -> Result<Vec<Self>> {
        let mut deeds: Vec<Self> = Self::of_0_1(record)?.into_iter().collect();
        for value in list(record)? {
            let deed = Self::deserialize(value);
            let mut deed = deed.map_err(|error| Error::failed(format!("field \"{DONE}\": {error}")))?;
            if deed.netns.is_none() {
                return Err(Error::failed(format!("field \"{DONE}\": missing field `netns`")));
            }
            let nic = record.get("nic").filter(|nic| deed.is_about(nic));
            deed.mac = nic.and_then(|nic| nic.get("mac")?.as_str()).map(str::to_owned);
            deeds.push(deed);
        }
        Ok(deeds)
    }

    /// The deed in the flat fields of a record of version 0.1.
    fn of_0_1(record: &Record) -> Result<Option<Self>> {
        let Some(undo) = record.get("undo") else { return Ok(None) };
        let absent = |field| Error::failed(format!("the record has an \"undo\", but no \"{field}\""));
        Ok(Some(Self {
            id: None,
            by: "nicon-linkmv".to_owned(),
            netns: None,
            link: record.text("link")?.map(str::to_owned),
            name: record.text("name")?.ok_or_else(|| absent("name"))?.to_owned(),
            ifindex: record.integer("ifindex")?.ok_or_else(|| absent("ifindex"))?,
            changed: record.get("changed") == Some(&true.into()),
            lost: record.get("lost").cloned(),
            undo: undo.clone(),
            mac: record.text("mac")?.map(str::to_owned),
        }))
    }

    /// A key that differs from those of other deeds.
    pub(crate) fn key(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.undo.to_string())
    }

    /// Whether it says how all was before, so that it can be undone. It does not where an earlier run did what was asked.
    pub(crate) fn is_whole(&self) -> bool {
        ["ifindex", "peer"].iter().any(|field| self.undo.get(field).is_some())
    }

    /// What it did to its link, in a word.
    fn word(&self) -> &'static str {
        match (self.changed, &self.link) {
            (false, _) => "nothing",
            (true, None) if self.is_whole() => "made",
            // `lost` is there only if this run moved the link.
            (true, Some(_)) if self.lost.is_some() => "moved",
            (true, _) => "changed",
        }
    }

    /// What identifies its link wherever it goes (see [`nicon_rtnl::sysfs`]), if that is known.
    pub(crate) fn inode(&self) -> Option<u64> {
        self.undo.get("inode")?.as_u64()
    }

    /// Whether a record's `nic` is this deed's link, where the deed left it.
    pub(crate) fn is_about(&self, nic: &Value) -> bool {
        let number = |field: &str| nic.get(field).and_then(Value::as_u64);
        number("ifindex") == Some(self.ifindex.into()) && number("netns").is_some() && number("netns") == self.netns
    }

    /// Adds it to a record, which then says where that was: on another machine its numbers mean other links.
    pub(crate) fn add_to(&self, record: &mut Record) {
        say_where(record);
        let mut done = record.get(DONE).and_then(Value::as_array).cloned().unwrap_or_default();
        done.push(serde_json::to_value(self).expect("plain data"));
        record.set(DONE, done);
    }

    /// Takes it out of a record, of whose deeds it is the one at `index`.
    pub(crate) fn take_from(&self, record: &mut Record, index: usize) {
        if self.netns.is_none() {
            record.remove_all(&FIELDS_OF_0_1);
            return;
        }
        let of_0_1 = usize::from(record.get("undo").is_some());
        let mut done = record.get(DONE).and_then(Value::as_array).cloned().unwrap_or_default();
        done.remove(index - of_0_1);
        if done.is_empty() {
            record.remove(DONE);
        } else {
            record.set(DONE, done);
        }
        if record.get("nic").is_some_and(|nic| self.is_about(nic)) {
            record.remove("nic");
        }
    }
}

/// Has a record say on which machine that is, if it does not.
pub(crate) fn say_where(record: &mut Record) {
    // That it can be told was seen when records were read, before anything was done.
    if let Ok(machine) = Machine::this() {
        machine.complete(record);
    }
}

/// Whether a record has deeds.
pub(crate) fn has_deeds(record: &Record) -> bool {
    record.get("undo").is_some() || record.get(DONE).and_then(Value::as_array).is_some_and(|done| !done.is_empty())
}

/// What a record lists as done.
///
/// # Errors
/// If it is no list.
fn list(record: &Record) -> Result<&[Value]> {
    match record.get(DONE) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(done)) => Ok(done),
        Some(_) => Err(Error::failed(format!("field \"{DONE}\": expected a list"))),
    }
}

/// The last deed that a record lists, for a table.
pub(crate) fn last(record: &Record) -> Option<&Value> {
    record.get(DONE)?.as_array()?.last()
}

/// Whether the last deed changed anything.
pub(crate) fn is_changed(record: &Record) -> bool {
    last(record).and_then(|deed| deed.get("changed")).is_some_and(|changed| *changed == true)
}

/// The last deed in a word, for a table; `None` if there is none.
pub(crate) fn word(record: &Record) -> Option<&'static str> {
    last(record).and_then(|deed| Deed::deserialize(deed).ok()).map(|deed| deed.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_are_read_back_in_order() {
        let mut record = Record::parse(
            r#"{"link":"v0","name":"eth0","ifindex":7,"mac":"02:00:5e:00:53:01","changed":true,"undo":{"netns":1,"name":"v0"}}"#,
        )
        .unwrap();
        let link = Link { name: "eth1".to_owned(), ifindex: 9, ..Link::default() };
        let deed = Deed::of("nicon-veth", &Deed::new_id().unwrap(), &link, 4, &Value::Null);
        deed.add_to(&mut record);
        record.set("nic", serde_json::json!({"netns": 4, "ifindex": 9, "mac": "02:00:5e:00:53:02"}));
        let deeds = Deed::all(&record).unwrap();
        let read: Vec<_> = deeds.iter().map(|deed| (&deed.name[..], deed.mac.as_deref())).collect();
        assert_eq!(read, [("eth0", Some("02:00:5e:00:53:01")), ("eth1", Some("02:00:5e:00:53:02"))]);
        assert_eq!(deeds[1].key(), deed.key());
        deeds[1].take_from(&mut record, 1);
        assert!(has_deeds(&record) && record.get("nic").is_none() && record.get("done").is_none());
        deeds[0].take_from(&mut record, 0);
        // It says on which machine that was.
        for field in ["boot", "machine"] {
            record.remove(field);
        }
        assert_eq!(record.to_line(), "{}");
    }

    #[test]
    fn each_deed_is_told_in_a_word() {
        let moved = r#""link":"v0","undo":{"netns":1,"name":"v0","ifindex":3}"#;
        for (rest, told) in [
            (r#""changed":false,"undo":null"#.to_owned(), "nothing"),
            (r#""changed":true,"undo":{"peer":{}}"#.to_owned(), "made"),
            (r#""changed":true,"undo":{"kind":"dummy","ifindex":7}"#.to_owned(), "made"),
            (r#""changed":true,"undo":null"#.to_owned(), "changed"),
            (format!(r#""changed":true,"lost":{{}},{moved}"#), "moved"),
            (format!(r#""changed":true,"lost":null,{moved}"#), "changed"),
        ] {
            let line = format!(r#"{{"done":[{{"by":"x","netns":4,"name":"y","ifindex":1,{rest}}}]}}"#);
            assert_eq!(word(&Record::parse(&line).unwrap()), Some(told), "{line}");
        }
        assert_eq!(word(&Record::default()), None);
    }

    #[test]
    fn what_is_no_deed_is_named() {
        for line in [
            r#"{"done":7}"#,
            r#"{"done":[{"by":"x"}]}"#,
            r#"{"done":[{"by":"x","name":"y","ifindex":1,"changed":true,"undo":{}}]}"#,
            r#"{"undo":{}}"#,
            r#"{"undo":{},"name":"x"}"#,
        ] {
            assert!(Deed::all(&Record::parse(line).unwrap()).is_err(), "{line}");
        }
        let error = Deed::all(&Record::parse(r#"{"done":[1]}"#).unwrap()).unwrap_err().to_string();
        assert!(error.ends_with("expected an object"), "{error}");
        assert!(Deed::all(&Record::parse(r#"{"done":null}"#).unwrap()).unwrap().is_empty());
    }
}
