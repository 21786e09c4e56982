//! How links are shown at a terminal.

use nicon_core::Record;
use nicon_core::table::Column;
use nicon_linkmv::fields::label;
use serde_json::Value;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-links";

/// The table's columns.
pub(crate) const COLUMNS: &[Column] = &[
    Column { title: "TARGET", cell: label },
    Column { title: "NAME", cell: |record| record.cell("name") },
    Column { title: "IFINDEX", cell: |record| record.cell("ifindex") },
    Column { title: "KIND", cell: |record| record.cell("kind") },
    Column { title: "STATE", cell: |record| record.cell("operstate") },
    Column { title: "MTU", cell: |record| record.cell("mtu") },
    Column { title: "MAC", cell: |record| record.cell("mac") },
    Column { title: "PEER", cell: peer },
    Column { title: "ADDRESSES", cell: addresses },
];

/// `eth1 in a.b`, or as much of it as is known.
fn peer(record: &Record) -> String {
    let Some(Value::Object(peer)) = record.get("peer") else { return "-".to_owned() };
    let text = |field: &str| peer.get(field).and_then(Value::as_str).map(str::to_owned);
    let number = |field: &str| peer.get(field).filter(|value| value.is_number()).map(ToString::to_string);
    let name = text("name").or_else(|| number("ifindex")).unwrap_or_default();
    let place = text("target").or_else(|| number("netns").map(|netns| format!("net:[{netns}]")));
    format!("{name} in {}", place.as_deref().unwrap_or("?"))
}

fn addresses(record: &Record) -> String {
    let addresses = record.get("addresses").and_then(Value::as_array).into_iter().flatten();
    let addresses: Vec<_> = addresses.filter_map(Value::as_str).collect();
    if addresses.is_empty() { "-".to_owned() } else { addresses.join(" ") }
}
