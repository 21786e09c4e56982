//! The output: records, tables and bare PIDs.

use nicon_core::filter::column::{Column, EVENT, least};
use nicon_core::filter::stream::View;
use nicon_core::machine::Machine;
use nicon_core::record::cell;
use nicon_core::{Error, Record, Result};
use nicon_resolve::Hit;
use serde_json::Value;

use crate::cli::args::Args;

const COLUMNS: &[Column] = &[TARGET, PID, NSPID, NET, HOPS];
const LABELLED: &[Column] = &[TARGET, PID, NSPID, NET, HOPS, LABELS];
const EVENTS: &[Column] = &[EVENT, TARGET, PID, NET, WAS, HOPS];
const TARGET: Column = Column::new("TARGET", |record: &Record| record.cell("target")).at_least(least::TARGET);
const PID: Column = Column::new("PID", |record: &Record| record.cell("pid")).at_least(least::PID);
const NSPID: Column = Column::new("NSPID", |record| list(record.get("nspid")));
const NET: Column = Column::new("NET", |record: &Record| cell(record.get("ns").and_then(|ns| ns.get("net"))))
    .at_least(least::NAMESPACE);
/// Also what no other column shows: that it is paused, or shares an engine. Before `HOPS`, which a terminal may cut off.
const WAS: Column = Column::new("WAS", |record: &Record| was(record.get("was"))).at_least("paused=true".len());
const HOPS: Column = Column::new("HOPS", |record| hops(record.get("hops")));
const LABELS: Column = Column::new("LABELS", |record| labels(record.get("labels")));

/// The view that the command line chooses.
pub(crate) fn view(args: &Args) -> View {
    if args.pid {
        return View::Bare(|record| record.cell("pid"));
    }
    args.format.view(if args.labels { LABELLED } else { COLUMNS })
}

/// The view of what happens, which has no end.
pub(crate) fn view_of_events(args: &Args) -> View {
    args.format.view_of_rows(EVENTS)
}

/// Adds the container to the record that asked for it; of a pattern, each container that matches has its own path.
///
/// # Errors
/// [`Status::No`](nicon_core::Status::No) if the record expects another PID, or the process is gone.
pub(crate) fn fill(mut record: Record, hit: &Hit, is_pattern: bool) -> Result<Record> {
    if is_pattern {
        let pattern = record.get("target").cloned();
        record.set("target", hit.path());
        record.set("pattern", pattern);
    }
    let pid = hit.process().pid();
    if let Some(expected) = record.integer::<i32>("expected_pid")?
        && expected != pid
    {
        return Err(Error::no(format!("its PID is {pid}, but {expected} was expected")));
    }
    hit.process().write_to(&mut record)?;
    record.set("hops", hit.hops());
    match hit.pod() {
        Some(pod) => record.set("pod", pod),
        None => record.remove("pod"),
    }
    match hit.engine_of() {
        Some(path) => record.set("engine_of", path),
        None if is_pattern => record.remove("engine_of"),
        None => {}
    }
    Ok(record)
}

/// Passes on a record whose target is no container, and says on which machine. What is found then is a namespace's affair, and not a
/// process's.
///
/// # Errors
/// If the record expects a process, or only PIDs are printed.
pub(crate) fn pass(record: &Record, of_pids: bool) -> Result<Record> {
    match record.integer::<i32>("expected_pid")? {
        Some(expected) => Err(Error::failed(format!("it is no container, but PID {expected} was expected"))),
        None if of_pids => Err(Error::failed("it is no container, and has no PID")),
        None => {
            let mut record = record.clone();
            Machine::this()?.complete(&mut record);
            Ok(record)
        }
    }
}

fn list(value: Option<&Value>) -> String {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(" ")
}

/// `app=web,tier=front`, as Docker shows them.
fn labels(value: Option<&Value>) -> String {
    let labels = value.and_then(Value::as_object).into_iter().flatten();
    labels.map(|(key, value)| format!("{key}={}", cell(Some(value)))).collect::<Vec<_>>().join(",")
}

/// `target=old-name`: the fields that were different, as they were. Of one with fields of its own, the name is enough.
fn was(value: Option<&Value>) -> String {
    let before = value.and_then(Value::as_object).into_iter().flatten();
    let show = |(field, value): (&String, &Value)| match value {
        Value::Object(_) => field.clone(),
        value => format!("{field}={}", cell(Some(value))),
    };
    before.map(show).collect::<Vec<_>>().join(" ")
}

/// `host:setup dind:olt_1`: how each engine was reached, and its container.
fn hops(value: Option<&Value>) -> String {
    let hops = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    hops.iter()
        .map(|hop| format!("{}:{}{}", cell(hop.get("sharing")), pod_of_sandbox(hop), cell(hop.get("name"))))
        .collect::<Vec<_>>()
        .join(" ")
}

/// `pod:default:`, what a path has before a pod's name; nothing for what is no pod.
fn pod_of_sandbox(hop: &Value) -> String {
    let pod = hop.get("pod").filter(|_| hop.get("sandbox") == Some(&Value::Bool(true)));
    pod.map(|pod| format!("pod:{}:", cell(pod.get("namespace")))).unwrap_or_default()
}
