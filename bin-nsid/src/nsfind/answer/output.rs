//! The output of namespaces and their processes.

use nicon_core::containers::Containers;
use nicon_core::filter::column::Column;
use nicon_core::filter::guides::{guides, has_unicode};
use nicon_core::filter::stream::View;
use nicon_core::{NsType, Process, Record, Result, container};

use crate::question::args::Args;

const COLUMNS: &[Column] = &[NS, TYPE, NPROCS, PID, PPID, UID, CONTAINER, COMMAND];
const LIST: &[Column] = &[NS, TYPE, NPROCS, PID, PPID, UID, CONTAINER, NETNSID, PATH, COMMAND];
const MEMBERS: &[Column] = &[NS, TYPE, PID, PPID, UID, CONTAINER, COMMAND];
const HOLDERS: &[Column] = &[NS, TYPE, NPROCS, PID, PPID, UID, CONTAINER, NETNSID, PATH, HELD, COMMAND];
const NS: Column = Column::new("NS", |record| branch(record) + &record.cell("nsino"));
const TYPE: Column = Column::new("TYPE", |record| record.cell("nstype"));
const NPROCS: Column = Column::new("NPROCS", |record| record.cell("nprocs"));
const PID: Column = Column::new("PID", |record| record.cell("pid"));
const PPID: Column = Column::new("PPID", |record| record.cell("ppid"));
const UID: Column = Column::new("UID", |record| record.cell("uid"));
const CONTAINER: Column = Column::new("CONTAINER", container);
const NETNSID: Column = Column::new("NETNSID", |record| record.cell("netnsid"));
const PATH: Column = Column::new("PATH", |record| record.cell("nspath"));
const HELD: Column = Column::new("HOLDERS", holders);
const COMMAND: Column = Column::new("COMMAND", |record| record.cell("command"));

/// More levels than the kernel lets namespaces have.
const LEVELS: usize = 100;

/// Where a row has its branch of a tree; no record is printed with it.
const BRANCH: &str = "branch";

/// The view that the command line asks for.
pub(crate) fn view(args: &Args) -> View {
    if args.pid {
        return View::Bare(|record| record.cell("pid"));
    }
    let columns = if args.holders {
        HOLDERS
    } else if args.all || args.first {
        MEMBERS
    } else if args.is_list() || args.operands.is_empty() {
        LIST
    } else {
        COLUMNS
    };
    args.format.view(columns)
}

/// Whether the answers become a table.
pub(crate) fn is_table(args: &Args) -> bool {
    matches!(view(args), View::Table(..))
}

/// Draws the branches of a tree, given the answers with their depths, before the rows of a table.
pub(crate) fn draw(answers: &mut [(usize, Result<Record>)]) {
    let mut rows: Vec<_> =
        answers.iter_mut().filter_map(|(depth, answer)| Some((*depth, answer.as_mut().ok()?))).collect();
    let depths: Vec<usize> = rows.iter().map(|(depth, _)| *depth).collect();
    for ((_, row), guide) in rows.iter_mut().zip(guides(&depths, LEVELS, has_unicode())) {
        row.set(BRANCH, guide);
    }
}

fn branch(record: &Record) -> String {
    record.text(BRANCH).ok().flatten().unwrap_or_default().to_owned()
}

/// The container's path or, if that is unknown, its ID, truncated as by `docker ps`.
fn container(record: &Record) -> String {
    let id = || record.cell("container").chars().take(12).collect();
    record.get("container_path").map_or_else(id, |_| record.cell("container_path"))
}

/// Names the namespace in an answer.
pub(crate) fn name(record: &mut Record, ns_type: NsType, ino: u64) {
    // What the question says of the namespaces of a process.
    record.remove_all(&["nstree", "netnsid", "nspath", "holders"]);
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
    description.set("ppid", process.parent()?);
    let [_, effective, ..] = process.uids()?;
    description.set("uid", effective);
    description.set("command", process.command()?);
    if let Some(names) = names {
        names.of(process)?.iter().for_each(|path| description.set("container_path", path));
    } else if let Some(id) = container::id(&process.read("cgroup")?) {
        description.set("container", id);
    }
    Ok(description)
}

/// The fields of a process.
const PROCESS: [&str; 10] =
    ["pid", "starttime", "pidfs", "nspid", "ns", "ppid", "uid", "command", "container", "container_path"];

/// Sets the fields of a process in an answer. Those of another process, from the question, are removed first.
pub(crate) fn set_process(record: &mut Record, description: &Record) {
    remove_process(record);
    record.extend(description);
}

/// Removes the fields of a process.
pub(crate) fn remove_process(record: &mut Record) {
    record.remove_all(&PROCESS);
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
