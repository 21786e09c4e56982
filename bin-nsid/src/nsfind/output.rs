//! How a namespace and its processes are shown.

use nicon_core::stream::View;
use nicon_core::table::Column;
use nicon_core::{NsType, Process, Record, Result, container};

use crate::args::Args;

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

/// Its path, or else its ID, as `docker ps` shortens it.
fn container(record: &Record) -> String {
    let id = || record.cell("container").chars().take(12).collect();
    record.get("container_path").map_or_else(id, |_| record.cell("container_path"))
}

/// Names the namespace in an answer.
pub(crate) fn name(record: &mut Record, ns_type: NsType, ino: u64) {
    record.set("nstype", ns_type.name());
    record.set("nsino", ino);
}

/// What answers tell of a process.
///
/// # Errors
/// [`Status::No`](nicon_core::Status::No) where it exits meanwhile.
pub(crate) fn describe(process: &Process) -> Result<Record> {
    let mut description = Record::default();
    process.write_to(&mut description)?;
    description.set("command", process.command()?);
    if let Some(id) = container::id(&process.read("cgroup")?) {
        description.set("container", id);
    }
    Ok(description)
}

/// Puts a process into an answer, in the place of one that an earlier answer told.
pub(crate) fn tell(record: &mut Record, description: &Record) {
    nobody(record);
    record.extend(description);
}

/// Takes what an earlier answer said of a process out of a record whose namespace has none.
pub(crate) fn nobody(record: &mut Record) {
    for field in ["pid", "starttime", "pidfs", "nspid", "ns", "command", "container", "container_path"] {
        record.remove(field);
    }
}

/// `mount:/run/netns/blue fd:42/3`: each holder as short as it can be told.
fn holders(record: &Record) -> String {
    let holders = record.get("holders").and_then(|holders| holders.as_array()).map(Vec::as_slice).unwrap_or_default();
    let shown: Vec<String> = holders
        .iter()
        .map(|holder| {
            let part = |name| holder.get(name).map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
            let words = ["path", "pid", "tid", "fd", "nstype", "nsino"].into_iter().filter(|word| {
                // A mount is found by its path; who sees it there matters less.
                *word != "pid" || holder.get("path").is_none()
            });
            let words: Vec<String> = words.filter_map(part).collect();
            format!("{}:{}", part("kind").unwrap_or_default(), words.join("/"))
        })
        .collect();
    if shown.is_empty() { "-".to_owned() } else { shown.join(" ") }
}
