//! The output of namespaces: records, a table, or bare values.

use nicon_core::filter::column::Column;
use nicon_core::filter::stream::View;
use nicon_core::{Error, Process, Record, Result};

use crate::args::Args;

const COLUMNS: &[Column] = &[PID, TYPE, INODE, OURS];
const TREE: &[Column] = &[
    PID,
    TYPE,
    INODE,
    OURS,
    Column::new("PARENT", |record| record.cell("parent")),
    Column::new("OWNER", |record| record.cell("owner")),
    Column::new("UID", |record| record.cell("uid")),
];
const PID: Column = Column::new("PID", |record| record.cell("pid"));
const TYPE: Column = Column::new("TYPE", |record| record.cell("type"));
const INODE: Column = Column::new("NS", |record| record.cell("ino"));
const OURS: Column = Column::new("OURS", |record| record.cell("ours"));

/// The view that the command line asks for.
pub(crate) fn view(args: &Args) -> View {
    if args.id.is_some() || args.link.is_some() {
        return View::Bare(|record| record.cell("ino"));
    }
    args.format.view(if args.tree { TREE } else { COLUMNS })
}

/// What the view prints for an answer: the record itself, or a row for each namespace.
pub(crate) fn rows(answer: Record, view: &View) -> Result<Vec<Record>> {
    if matches!(view, View::Records) {
        return Ok(vec![answer]);
    }
    let myself = Process::myself()?;
    let mut rows = Vec::new();
    for (name, ino) in answer.integers("ns")? {
        let mut row = Record::default();
        row.set("pid", answer.get("pid"));
        row.set("type", name);
        row.set("ino", ino);
        let own = myself.namespace_id(name.parse()?)?;
        row.set("ours", if own.is_some_and(|own| own.ino == ino) { "yes" } else { "no" });
        let place = answer.get("nstree").and_then(|tree| tree.get(name));
        for field in ["parent", "owner", "uid"] {
            row.set(field, place.and_then(|place| place.get(field)));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The one namespace that `--id` or `--link` prints.
pub(crate) fn bare(process: &Process, args: &Args) -> Result<Option<Record>> {
    let Some(ns_type) = args.id.or(args.link) else { return Ok(None) };
    let id = process.namespace_id(ns_type)?;
    let id = id.ok_or_else(|| Error::no(format!("this kernel has no {ns_type} namespaces")))?;
    let mut record = Record::default();
    if args.id.is_some() {
        record.set("ino", id.ino);
    } else {
        record.set("ino", format!("{ns_type}:[{}]", id.ino));
    }
    Ok(Some(record))
}
