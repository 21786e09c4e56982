//! How links are shown at a terminal.

use std::fmt::Display;

use nicon_core::filter::column::{Column, least};
use nicon_core::text;
use nicon_rtnl::link::Counters;
use nicon_rtnl::record::label;

use crate::args::Args;
use crate::conditions::Conditions;
use crate::listening::ListenerFacts;
use crate::matching::ListenerRecord;
use crate::record::LinkRecord;
use crate::wiring::OtherLink;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-links";

/// All columns. A terminal cuts off the last ones, and any number of addresses is long.
const ALL: [Column<LinkRecord>; 14] = [
    Column::new("EVENT", |record: &LinkRecord| cell(record.nic.event)).of_states().at_least(least::EVENT),
    Column::new("TARGET", |record: &LinkRecord| label(&record.record)).at_least(least::TARGET),
    Column::new("NAME", |record| record.nic.link.name.clone()),
    Column::new("KIND", |record| cell(record.nic.link.kind.as_ref())),
    Column::new("STATE", |record: &LinkRecord| cell(record.nic.link.operstate.as_ref())).of_states(),
    Column::new("MASTER", |record: &LinkRecord| {
        record.nic.master.as_ref().map(ToString::to_string).unwrap_or_default()
    })
    .sparse(),
    Column::new("PEER", |record| cell(record.nic.peer.as_ref().map(peer))),
    Column::new("LISTENING", |record| cell(record.listening.as_deref().map(listeners))),
    Column::new("RX", |record| cell(record.nic.stats.as_ref().map(|stats| counted(&stats.rx)))),
    Column::new("TX", |record| cell(record.nic.stats.as_ref().map(|stats| counted(&stats.tx)))),
    Column::new("ADDRESSES", addresses),
    Column::new("MTU", |record| cell(record.nic.link.mtu)),
    Column::new("MAC", |record: &LinkRecord| cell(record.nic.link.mac.as_ref())).at_least(least::MAC),
    Column::new("IFINDEX", |record| record.nic.link.ifindex.to_string()),
];

/// The columns of a table of those that listen.
pub(crate) const LISTENERS: &[Column<ListenerRecord>] = &[
    Column::new("TARGET", |found| label(&found.record)),
    Column::new("PID", |found| found.record.cell("pid")),
    Column::new("LISTENING", |found| listeners(&found.listening)),
];

/// How many listeners a cell shows.
const SHOWN: usize = 4;

/// The table's columns. A run has one table.
pub(crate) fn columns(args: &Args) -> &'static [Column<LinkRecord>] {
    let is_shown = |column: &Column<LinkRecord>| match column.title {
        "EVENT" => args.watch,
        "LISTENING" => Conditions::new(args).ports().next().is_some(),
        "RX" | "TX" => args.stats,
        _ => true,
    };
    ALL.into_iter().filter(is_shown).collect::<Vec<_>>().leak()
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

/// `tcp 192.0.2.1:8080, tcp *:8080`, and how many more there are.
fn listeners(all: &[ListenerFacts]) -> String {
    text::first(SHOWN, &all.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// `12 packets, 980 bytes`, and what went wrong.
fn counted(counters: &Counters) -> String {
    let Counters { bytes, packets, errors, dropped } = counters;
    let mut parts = vec![format!("{packets} packets"), format!("{bytes} bytes")];
    let wrong = [(errors, "errors"), (dropped, "dropped")].into_iter().filter(|(count, _)| **count > 0);
    parts.extend(wrong.map(|(count, what)| format!("{count} {what}")));
    parts.join(", ")
}
