//! How links are shown at a terminal.

use std::fmt::Display;

use nicon_core::filter::table::Column;

use nicon_rtnl::link::Counters;
use nicon_rtnl::record::label;

use crate::args::Args;
use crate::record::LinkRecord;
use crate::wiring::OtherLink;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-links";

const ALL: &[Column<LinkRecord>] = &[
    Column { title: "EVENT", cell: |record| cell(record.nic.event) },
    Column { title: "TARGET", cell: |record| label(&record.record) },
    Column { title: "NAME", cell: |record| record.nic.link.name.clone() },
    Column { title: "IFINDEX", cell: |record| record.nic.link.ifindex.to_string() },
    Column { title: "KIND", cell: |record| cell(record.nic.link.kind.as_ref()) },
    Column { title: "STATE", cell: |record| cell(record.nic.link.operstate.as_ref()) },
    Column { title: "MTU", cell: |record| cell(record.nic.link.mtu) },
    Column { title: "MAC", cell: |record| cell(record.nic.link.mac.as_ref()) },
    Column { title: "PEER", cell: |record| cell(record.nic.peer.as_ref().map(peer)) },
    Column { title: "ADDRESSES", cell: addresses },
    Column { title: "RX", cell: |record| cell(record.nic.stats.as_ref().map(|stats| counted(&stats.rx))) },
    Column { title: "TX", cell: |record| cell(record.nic.stats.as_ref().map(|stats| counted(&stats.tx))) },
];

/// The table's columns: with what happened first, or with the counters last.
pub(crate) fn columns(args: &Args) -> &'static [Column<LinkRecord>] {
    let with_stats = if args.stats { ALL } else { &ALL[..ALL.len() - 2] };
    if args.watch { with_stats } else { &with_stats[1..] }
}

fn cell(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// `eth1 in a.b`, or as much of it as is known.
fn peer(peer: &OtherLink) -> String {
    let name = peer.name.clone().unwrap_or_else(|| peer.ifindex.to_string());
    let location = peer.target.clone().or_else(|| peer.netns.map(|netns| format!("net:[{netns}]")));
    format!("{name} in {}", location.as_deref().unwrap_or("?"))
}

fn addresses(record: &LinkRecord) -> String {
    let addresses: Vec<String> = record.nic.addresses.iter().map(ToString::to_string).collect();
    if addresses.is_empty() { "-".to_owned() } else { addresses.join(" ") }
}

/// `12 packets, 980 bytes`, and what went wrong.
fn counted(counters: &Counters) -> String {
    let Counters { bytes, packets, errors, dropped } = counters;
    let mut parts = vec![format!("{packets} packets"), format!("{bytes} bytes")];
    let wrong = [(errors, "errors"), (dropped, "dropped")].into_iter().filter(|(count, _)| **count > 0);
    parts.extend(wrong.map(|(count, what)| format!("{count} {what}")));
    parts.join(", ")
}
