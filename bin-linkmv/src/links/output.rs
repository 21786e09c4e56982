//! How links are shown at a terminal.

use std::fmt::Display;

use nicon_core::table::Column;
use nicon_linkmv::fields::label;

use crate::tell::Told;
use crate::wiring::Peer;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-links";

/// The table's columns.
pub(crate) const COLUMNS: &[Column<Told>] = &[
    Column { title: "TARGET", cell: |told| label(&told.record) },
    Column { title: "NAME", cell: |told| told.name.clone() },
    Column { title: "IFINDEX", cell: |told| told.ifindex.to_string() },
    Column { title: "KIND", cell: |told| cell(told.kind.as_ref()) },
    Column { title: "STATE", cell: |told| cell(told.operstate.as_ref()) },
    Column { title: "MTU", cell: |told| cell(told.mtu) },
    Column { title: "MAC", cell: |told| cell(told.mac.as_ref()) },
    Column { title: "PEER", cell: |told| cell(told.peer.as_ref().map(peer)) },
    Column { title: "ADDRESSES", cell: addresses },
];

fn cell(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// `eth1 in a.b`, or as much of it as is known.
fn peer(peer: &Peer) -> String {
    let name = peer.name.clone().unwrap_or_else(|| peer.ifindex.to_string());
    let place = peer.target.clone().or_else(|| peer.netns.map(|netns| format!("net:[{netns}]")));
    format!("{name} in {}", place.as_deref().unwrap_or("?"))
}

fn addresses(told: &Told) -> String {
    let addresses: Vec<String> = told.addresses.iter().map(ToString::to_string).collect();
    if addresses.is_empty() { "-".to_owned() } else { addresses.join(" ") }
}
