//! The run: a file in, all of its records out or none.

use std::path::Path;

use nicon_core::filter::column::Column;
use nicon_core::filter::stream::Answers;
use nicon_core::record::cell;
use nicon_core::{Context, Error, Record, Result, Status};
use nix::sys::utsname::uname;
use serde_json::Value;

use crate::args::Args;
use crate::machines::Here;
use crate::names::Names;
use crate::own;
use crate::plan::Plan;
use crate::read::{self, Options};
use crate::source::Source;
use crate::watch::revisions::Revisions;
use crate::watch::watched::Watched;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-plan";

const COLUMNS: &[Column] = &[
    Column::new("TARGET", |record| record.cell("target")),
    Column::new("ACT", act),
    Column::new("NAME", |record| record.cell("name")),
    Column::new("EXPECTED_PID", |record| record.cell("expected_pid")),
    Column::new("MORE", more),
];

/// Fields that have a column.
const SHOWN: [&str; 5] = ["target", "link", "kind", "name", "expected_pid"];

/// What is to be done: `move veth0`, `pair`, `make vxlan`.
fn act(record: &Record) -> String {
    match ["link", "kind"].map(|field| record.text(field).ok().flatten()) {
        [Some(link), _] => format!("move {link}"),
        [_, Some(kind)] => format!("make {kind}"),
        _ if record.get("pair").is_some() => "pair".to_owned(),
        _ => "-".to_owned(),
    }
}

/// The link's other attributes: `addr=192.0.2.2/24 mtu=1400`.
fn more(record: &Record) -> String {
    let value = |value: &Value| match value {
        Value::Array(items) => items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(","),
        value => cell(Some(value)),
    };
    let others = own::fields().filter(|field| !SHOWN.contains(field));
    let shown: Vec<_> = others.filter_map(|field| Some(format!("{field}={}", value(record.get(field)?)))).collect();
    if shown.is_empty() { "-".to_owned() } else { shown.join(" ") }
}

/// Prints the records of the plan, and, if that is asked for, those of each of its revisions.
///
/// # Errors
/// If the plan cannot be read, or is not YAML.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let source = Source::of(args.file.as_deref())?;
    let targets = args.within.clone().unwrap_or_default();
    let name = args.on.clone().map_or_else(own_name, Ok)?;
    let names = Names::default();
    let lookup = |name: &str| names.look_up(name);
    let here = Here { name: &name, is_given: args.on.is_some(), lookup: &lookup };
    let env = |name: &str| std::env::var(name).ok();
    let options = Options { file: source.file, targets: &targets, each: args.each, here, env: &env };
    let read = |text: &str| read::plan(text, &options);
    if args.watch {
        let Some(file) = source.file else {
            return Err(Error::failed("--watch wants a file that can be read again, not standard input"));
        };
        return watch(file, &source, read, &names, || answers(args));
    }
    let mut answers = answers(args)?;
    let text = source.text()?;
    let plan = if args.none { read::nothing(&text, &options) } else { read(&text) };
    // Of a plan with faults nothing is printed: its links belong together.
    let records = if plan.faults.is_empty() || args.each { plan.records } else { Vec::new() };
    answers.give_all(records.into_iter().map(Ok))?;
    answers.give_all(plan.faults.into_iter().map(|fault| Err(fault.prefix(&source.name))))?;
    answers.finish()
}

/// What this machine is called: `uname(2)`.
fn own_name() -> Result<String> {
    let names = uname().context(|| "ask for the machine's name")?;
    Ok(names.nodename().to_string_lossy().into_owned())
}

fn answers(args: &Args) -> Result<Answers> {
    Answers::new(PROGRAM, args.format.view(COLUMNS))
}

/// Prints the revisions of a plan's file until the reader of standard output leaves. Where it names machines, it is read again from time to
/// time: their addresses change, and when a machine starts they may not be known yet.
fn watch(
    file: &Path,
    source: &Source<'_>,
    read: impl Fn(&str) -> Plan,
    names: &Names,
    answers: impl Fn() -> Result<Answers>,
) -> Result<Status> {
    let (mut watched, mut revisions) = (Watched::new(file)?, Revisions::default());
    // A file that is not there at first is a mistake; later it may be on its way back.
    let mut text = Ok(source.text()?);
    let (mut is_news, mut told_faults) = (true, Vec::new());
    loop {
        // Whoever was writing it when it was read will close it.
        if watched.is_settled()? {
            // A table is one of a revision.
            let mut answers = answers()?;
            match text {
                Ok(text) => {
                    let Plan { name, records, faults, .. } = read(&text);
                    let name = name.map(|(name, _)| name).unwrap_or_default();
                    let told = if faults.is_empty() { revisions.next(&name, records) } else { Vec::new() };
                    answers.give_all(told.into_iter().map(Ok))?;
                    if is_news || faults != told_faults {
                        answers.give_all(faults.iter().cloned().map(|fault| Err(fault.prefix(&source.name))))?;
                    }
                    told_faults = faults;
                }
                Err(error) => answers.give(None, Err(error))?,
            }
            answers.finish()?;
        }
        is_news = watched.wait(names.take_limit())?;
        text = source.text();
    }
}
