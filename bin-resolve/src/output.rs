//! The output: records, tables and bare PIDs.

use nicon_core::filter::stream::View;
use nicon_core::filter::table::Column;
use nicon_core::record::cell;
use nicon_core::{Error, Record, Result};
use serde_json::Value;

use crate::args::Args;
use crate::hop::Hop;
use crate::matches::Match;
use crate::name;

const COLUMNS: &[Column] = &[
    Column { title: "TARGET", cell: |record| record.cell("target") },
    Column { title: "PID", cell: |record| record.cell("pid") },
    Column { title: "NSPID", cell: |record| list(record.get("nspid")) },
    Column { title: "NET", cell: |record| cell(record.get("ns").and_then(|ns| ns.get("net"))) },
    Column { title: "HOPS", cell: |record| hops(record.get("hops")) },
];

/// The view that the command line chooses.
pub(crate) fn view(args: &Args) -> View {
    if args.pid { View::Bare(|record| record.cell("pid")) } else { View::choose(args.json, COLUMNS) }
}

/// Adds the container to the record that asked for it.
///
/// # Errors
/// [`Status::No`](nicon_core::Status::No) if the record expects another PID, or the process is gone.
pub(crate) fn fill(mut record: Record, hop: &Hop) -> Result<Record> {
    let pid = hop.process.pid();
    if let Some(expected) = record.integer::<i32>("expected_pid")?
        && expected != pid
    {
        return Err(Error::no(format!("its PID is {pid}, but {expected} was expected")));
    }
    hop.process.write_to(&mut record)?;
    record.set("hops", hop.trail());
    Ok(record)
}

/// Turns the record that asked for a pattern into one of a container that matches.
pub(crate) fn fill_match(mut record: Record, found: &Match) -> Result<Record> {
    let pattern = record.get("target").cloned();
    record.set("target", name::show(&found.path));
    record.set("pattern", pattern);
    let mut record = fill(record, &found.hop)?;
    match found.engine_of.as_deref() {
        None => record.remove("engine_of"),
        Some([]) => record.set("engine_of", "/"),
        Some(path) => record.set("engine_of", name::show(path)),
    }
    Ok(record)
}

fn list(value: Option<&Value>) -> String {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(" ")
}

/// `host:setup dind:olt_1`: how each engine was reached, and its container.
fn hops(value: Option<&Value>) -> String {
    let hops = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    hops.iter()
        .map(|hop| format!("{}:{}", cell(hop.get("sharing")), cell(hop.get("name"))))
        .collect::<Vec<_>>()
        .join(" ")
}
