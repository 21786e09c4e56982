//! The output of namespaces and their processes.

use nicon_core::filter::stream::View;
use nicon_core::filter::table::Column;
use nicon_core::{NsType, Process, Record, Result, container};

use crate::args::Args;
use crate::containers::Containers;

const COLUMNS: &[Column] = &[NS, TYPE, NPROCS, PID, CONTAINER, COMMAND];
const MEMBERS: &[Column] = &[NS, TYPE, PID, CONTAINER, COMMAND];
const HOLDERS: &[Column] = &[NS, TYPE, NPROCS, PID, CONTAINER, Column { title: "HOLDERS", cell: holders }, COMMAND];
const NS: Column = Column { title: "NS", cell: |record| record.cell("nsino") };
const TYPE: Column = Column { title: "TYPE", cell: |record| record.cell("nstype") };
const NPROCS: Column = Column { title: "NPROCS", cell: |record| record.cell("nprocs") };
const PID: Column = Column { title: "PID", cell: |record| record.cell("pid") };
const CONTAINER: Column = Column { title: "CONTAINER", cell: container };
const COMMAND: Column = Column { title: "COMMAND", cell: |record| record.cell("command") };

/// The view that the command line asks for.
pub(crate) fn view(args: &Args) -> View {
    if args.pid {
        return View::Bare(|record| record.cell("pid"));
    }
    let columns = if args.holders {
        HOLDERS
    } else if args.all || args.first {
        MEMBERS
    } else {
        COLUMNS
    };
    View::choose(args.json, columns)
}

/// The container's path or, if that is unknown, its ID, truncated as by `docker ps`.
fn container(record: &Record) -> String {
    let id = || record.cell("container").chars().take(12).collect();
    record.get("container_path").map_or_else(id, |_| record.cell("container_path"))
}

/// Names the namespace in an answer.
pub(crate) fn name(record: &mut Record, ns_type: NsType, ino: u64) {
    record.set("nstype", ns_type.name());
    record.set("nsino", ino);
}

/// The fields of a process in an answer. If there are `names`, they say which container it is in; otherwise its cgroup's name, which
/// proves nothing.
///
/// # Errors
/// [`Status::No`](nicon_core::Status::No) if it exits before all is read.
pub(crate) fn describe(process: &Process, names: Option<&Containers>) -> Result<Record> {
    let mut description = Record::default();
    process.write_to(&mut description)?;
    description.set("command", process.command()?);
    if let Some(names) = names {
        names.of(process)?.iter().for_each(|path| description.set("container_path", path));
    } else if let Some(id) = container::id(&process.read("cgroup")?) {
        description.set("container", id);
    }
    Ok(description)
}

/// Sets the fields of a process in an answer. Those of another process, from the question, are removed first.
pub(crate) fn set_process(record: &mut Record, description: &Record) {
    remove_process(record);
    record.extend(description);
}

/// Removes the fields of a process.
pub(crate) fn remove_process(record: &mut Record) {
    for field in ["pid", "starttime", "pidfs", "nspid", "ns", "command", "container", "container_path"] {
        record.remove(field);
    }
}

/// The holders in a table: `mount:/run/netns/blue fd:42/3`.
fn holders(record: &Record) -> String {
    let holders = record.get("holders").and_then(|holders| holders.as_array()).map(Vec::as_slice).unwrap_or_default();
    let shown: Vec<String> = holders
        .iter()
        .map(|holder| {
            let part = |name| holder.get(name).map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
            let words = ["path", "pid", "tid", "fd", "nstype", "nsino"].into_iter().filter(|word| {
                // The path of a mount identifies it well enough without a process that sees it.
                *word != "pid" || holder.get("path").is_none()
            });
            let words: Vec<String> = words.filter_map(part).collect();
            format!("{}:{}", part("kind").unwrap_or_default(), words.join("/"))
        })
        .collect();
    if shown.is_empty() { "-".to_owned() } else { shown.join(" ") }
}
