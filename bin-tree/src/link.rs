//! Links, as nicon-links prints them: one record each.

use nicon_core::record::cell;
use nicon_core::{Error, Record, Result};
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
    /// Every namespace has a loopback link, so it is not worth drawing.
    pub(crate) is_loopback: bool,
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
    /// The link that a record tells of in `nic`, if it does.
    ///
    /// # Errors
    /// If `nic`, or a field of it, has the wrong type.
    pub(crate) fn of(record: &Record) -> Result<Option<Self>> {
        let Some(nic) = nic(record)? else { return Ok(None) };
        let (Some(ifindex), Some(netns)) = (nic.integer("ifindex")?, nic.integer("netns")?) else {
            return Ok(None);
        };
        let addresses = nic.get("addresses").and_then(Value::as_array).into_iter().flatten();
        Ok(Some(Self {
            name: nic.cell("name"),
            kind: nic.text("kind")?.unwrap_or("link").to_owned(),
            id: (netns, ifindex),
            state: nic.cell("operstate"),
            addresses: addresses.map(|address| cell(Some(address))).collect(),
            peer: nic.get("peer").filter(|peer| peer.is_object()).map(Peer::of),
            is_loopback: is_loopback(&nic),
        }))
    }
}

fn nic(record: &Record) -> Result<Option<Record>> {
    match record.get("nic") {
        None | Some(Value::Null) => Ok(None),
        Some(nic) => {
            Record::parse(&nic.to_string()).map(Some).map_err(|_| Error::failed("field \"nic\": expected an object"))
        }
    }
}

fn is_loopback(nic: &Record) -> bool {
    let flags = nic.get("flags").and_then(Value::as_array);
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
