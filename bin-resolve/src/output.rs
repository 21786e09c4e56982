//! How a found container is shown.

use nicon_core::stream::View;
use nicon_core::table::Column;
use nicon_core::{Record, Result};
use serde_json::Value;

use crate::args::Args;
use crate::hop::Hop;

const COLUMNS: &[Column] = &[
    Column { title: "TARGET", cell: |record| text(record.get("target")) },
    Column { title: "PID", cell: |record| text(record.get("pid")) },
    Column { title: "NSPID", cell: |record| list(record.get("nspid")) },
    Column { title: "NET", cell: |record| text(record.get("ns").and_then(|ns| ns.get("net"))) },
    Column { title: "HOPS", cell: |record| hops(record.get("hops")) },
];

/// The view that the command line asks for.
pub(crate) fn view(args: &Args) -> View {
    if args.pid { View::Bare(|record| text(record.get("pid"))) } else { View::choose(args.json, COLUMNS) }
}

/// Adds what was found to the record that asked for it.
pub(crate) fn fill(mut record: Record, hop: &Hop) -> Result<Record> {
    hop.process.write_to(&mut record)?;
    record.set("hops", hop.trail());
    Ok(record)
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn list(value: Option<&Value>) -> String {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| text(Some(item))).collect::<Vec<_>>().join(" ")
}

/// `setup dind olt_1`: each container and how its engine was reached.
fn hops(value: Option<&Value>) -> String {
    let hops = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    hops.iter()
        .map(|hop| format!("{}:{}", text(hop.get("sharing")), text(hop.get("name"))))
        .collect::<Vec<_>>()
        .join(" ")
}
