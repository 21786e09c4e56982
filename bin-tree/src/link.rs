//! Links, as nicon-links prints them: one record each.

use nicon_core::record::cell;
use nicon_core::{Record, Result};
use serde_json::Value;

/// A link of a container.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// Its network namespace and ifindex, which together identify it.
    pub(crate) id: (u64, u64),
    pub(crate) state: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) peer: Option<Peer>,
}

/// The other end of a veth.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    /// As [`Link::id`], if its namespace is known.
    pub(crate) id: Option<(u64, u64)>,
    /// Where it is: a target, a namespace, or `?`.
    pub(crate) place: String,
}

impl Link {
    /// The link in a record, if there is one.
    ///
    /// # Errors
    /// If a field has the wrong type.
    pub(crate) fn of(record: &Record) -> Result<Option<Self>> {
        let (Some(ifindex), Some(netns)) = (record.integer("ifindex")?, record.integer("netns")?) else {
            return Ok(None);
        };
        let addresses = record.get("addresses").and_then(Value::as_array).into_iter().flatten();
        Ok(Some(Self {
            name: record.cell("name"),
            kind: record.text("kind")?.unwrap_or("link").to_owned(),
            id: (netns, ifindex),
            state: record.cell("operstate"),
            addresses: addresses.map(|address| cell(Some(address))).collect(),
            peer: record.get("peer").filter(|peer| peer.is_object()).map(Peer::of),
        }))
    }
}

/// Whether a record has a loopback link. Every namespace has one, so it is not worth drawing.
pub(crate) fn is_loopback(record: &Record) -> bool {
    let flags = record.get("flags").and_then(Value::as_array);
    flags.is_some_and(|flags| flags.iter().any(|flag| flag == "LOOPBACK"))
}

impl Peer {
    fn of(peer: &Value) -> Self {
        let number = |field| peer.get(field).and_then(Value::as_u64);
        let text = |field| peer.get(field).and_then(Value::as_str).map(str::to_owned);
        let (ifindex, netns) = (number("ifindex"), number("netns"));
        let place = text("target").or_else(|| netns.map(|netns| format!("net:[{netns}]")));
        Self {
            name: text("name").unwrap_or_else(|| cell(peer.get("ifindex"))),
            id: netns.zip(ifindex),
            place: place.unwrap_or_else(|| "?".to_owned()),
        }
    }
}
