//! Links, as nicon-links prints them: one record each.

use nicon_core::filter::colour::Mark;
use nicon_core::record::cell;
use nicon_core::{Error, Record, Result};
use serde_json::Value;

/// A link of a container.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) id: LinkId,
    pub(crate) state: String,
    pub(crate) addresses: Vec<String>,
    /// Its hardware address; empty if it has none.
    pub(crate) mac: String,
    /// The bridge, bond or VRF that it is a port of.
    pub(crate) master: Option<Master>,
    pub(crate) peer: Option<Peer>,
    pub(crate) tunnel: Option<Tunnel>,
    /// Every namespace has a loopback link, so it is not worth drawing.
    pub(crate) is_loopback: bool,
}

/// What identifies a link: its machine, its network namespace there, and its ifindex in that.
pub(crate) type LinkId = (usize, u64, u64);

/// A link of the same network namespace whose port another one is.
#[derive(Clone, Debug)]
pub(crate) struct Master {
    pub(crate) name: String,
    /// As [`Link::id`], if it is known.
    pub(crate) id: Option<LinkId>,
}

/// The other end of a veth, or of a tunnel to another machine.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    /// As [`Link::id`], if it is known.
    pub(crate) id: Option<LinkId>,
    /// What it is in, if that has a name.
    pub(crate) target: Option<String>,
}

/// A VXLAN: one end of a tunnel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tunnel {
    pub(crate) vni: u64,
    pub(crate) dst_port: u64,
    /// Addresses: that of the other end, or of a group of them, and the one that it sends from.
    pub(crate) remote: Option<String>,
    pub(crate) local: Option<String>,
    /// What the plan calls its machine, and what it says of the other end.
    pub(crate) on: Option<String>,
    pub(crate) end: Option<RemoteEnd>,
}

/// A link of another machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RemoteEnd {
    /// The machine's name.
    pub(crate) on: String,
    /// What it is called there: its container, and its own name.
    pub(crate) target: String,
    pub(crate) name: String,
}

impl Link {
    /// The link of a machine that a record tells of in `nic`, if it does.
    ///
    /// # Errors
    /// If `nic`, or a field of it, has the wrong type.
    pub(crate) fn of(record: &Record, machine: usize) -> Result<Option<Self>> {
        let Some(nic) = nic(record)? else { return Ok(None) };
        let (Some(ifindex), Some(netns)) = (nic.integer("ifindex")?, nic.integer("netns")?) else {
            return Ok(None);
        };
        let addresses = nic.get("addresses").and_then(Value::as_array).into_iter().flatten();
        Ok(Some(Self {
            name: nic.cell("name"),
            kind: nic.text("kind")?.unwrap_or("link").to_owned(),
            id: (machine, netns, ifindex),
            state: nic.cell("operstate"),
            addresses: addresses.map(|address| cell(Some(address))).collect(),
            mac: nic.get("mac").and_then(Value::as_str).unwrap_or_default().to_owned(),
            master: nic.get("master").and_then(|master| Master::of(master, (machine, netns))),
            peer: nic.get("peer").filter(|peer| peer.is_object()).map(|peer| Peer::of(peer, machine)),
            tunnel: Tunnel::of(&nic, record),
            is_loopback: is_loopback(&nic),
        }))
    }
}

impl Link {
    /// Whether nothing can go through it. The kernel does not know of all links whether they are up.
    pub(crate) fn is_down(&self) -> bool {
        Mark::of_state(&self.state) == Some(Mark::Down)
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

/// Whether a record's wishes, or its last deed, are about the link in its `nic`: nicon-links lists the others of that container, too.
fn is_of(nic: &Record, record: &Record) -> bool {
    let deed = record.get("done").and_then(Value::as_array).and_then(|done| done.last());
    let is_deed = deed.is_some_and(|deed| ["netns", "ifindex"].iter().all(|field| deed.get(field) == nic.get(field)));
    is_deed || record.get("name").is_some_and(|name| Some(name) == nic.get("name"))
}

fn is_loopback(nic: &Record) -> bool {
    let flags = nic.get("flags").and_then(Value::as_array);
    flags.is_some_and(|flags| flags.iter().any(|flag| flag == "LOOPBACK"))
}

impl Tunnel {
    fn of(nic: &Record, record: &Record) -> Option<Self> {
        let vxlan = nic.get("vxlan")?;
        let number = |field| vxlan.get(field).and_then(Value::as_u64);
        let text = |of: &Value, field| of.get(field).and_then(Value::as_str).map(str::to_owned);
        let end = record.get("remote_end").filter(|_| is_of(nic, record)).and_then(|end| {
            Some(RemoteEnd { on: text(end, "on")?, target: text(end, "target")?, name: text(end, "name")? })
        });
        Some(Self {
            vni: number("vni")?,
            dst_port: number("dst_port")?,
            remote: text(vxlan, "remote"),
            local: text(vxlan, "local"),
            on: record.get("on").and_then(Value::as_str).map(str::to_owned),
            end,
        })
    }
}

impl Master {
    fn of(master: &Value, (machine, netns): (usize, u64)) -> Option<Self> {
        let ifindex = master.get("ifindex").and_then(Value::as_u64);
        Some(Self {
            name: master.get("name")?.as_str()?.to_owned(),
            id: ifindex.map(|ifindex| (machine, netns, ifindex)),
        })
    }
}

impl Peer {
    fn of(peer: &Value, machine: usize) -> Self {
        let number = |field| peer.get(field).and_then(Value::as_u64);
        let text = |field| peer.get(field).and_then(Value::as_str).map(str::to_owned);
        let (ifindex, netns) = (number("ifindex"), number("netns"));
        Self {
            name: text("name").unwrap_or_else(|| cell(peer.get("ifindex"))),
            id: netns.zip(ifindex).map(|(netns, ifindex)| (machine, netns, ifindex)),
            target: text("target"),
        }
    }

    /// Where it is: what that is called, its namespace, or `?`.
    pub(crate) fn place(&self) -> String {
        let namespace = || self.id.map_or_else(|| "?".to_owned(), |(_, netns, _)| format!("net:[{netns}]"));
        self.target.clone().unwrap_or_else(namespace)
    }
}
