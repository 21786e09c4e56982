//! The run: a file in, all of its records out or none.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use nicon_core::filter::stream::{Answers, View};
use nicon_core::filter::table::Column;
use nicon_core::record::cell;
use nicon_core::{Context, Error, Record, Result, Status};
use serde_json::Value;

use crate::args::Args;
use crate::own;
use crate::read::{self, Options};

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-plan";

/// The largest plan that is read, in bytes: room for some hundred thousand links.
const MAX: u64 = 16 << 20;

const COLUMNS: &[Column] = &[
    Column { title: "TARGET", cell: |record| record.cell("target") },
    Column { title: "ACT", cell: act },
    Column { title: "NAME", cell: |record| record.cell("name") },
    Column { title: "EXPECTED_PID", cell: |record| record.cell("expected_pid") },
    Column { title: "MORE", cell: more },
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

/// Prints the records of the plan.
///
/// # Errors
/// If the plan cannot be read, or is not YAML.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let mut answers = Answers::new(PROGRAM, View::choose(args.json, COLUMNS))?;
    let file = args.file.as_deref().unwrap_or(Path::new("-"));
    let is_stdin = file == Path::new("-");
    // A plan can be typed, but only if that is asked for.
    if args.file.is_none() && io::stdin().is_terminal() {
        return Err(Error::failed("nothing to do: name a plan, or - for standard input (see --help)"));
    }
    let name = if is_stdin { "standard input".to_owned() } else { file.display().to_string() };
    let text = if is_stdin {
        text_of(io::stdin(), &name)?
    } else {
        text_of(File::open(file).context(|| format!("open {name}"))?, &name)?
    };
    let targets = args.within.clone().unwrap_or_default();
    let options = Options {
        file: (!is_stdin).then_some(file),
        targets: &targets,
        each: args.each,
        env: &|name| std::env::var(name).ok(),
    };
    let plan = read::plan(&text, &options);
    // Of a plan with faults nothing is printed: its links belong together.
    let records = if plan.faults.is_empty() || args.each { plan.records } else { Vec::new() };
    answers.give_all(records.into_iter().map(Ok))?;
    answers.give_all(plan.faults.into_iter().map(|fault| Err(fault.prefix(&name))))?;
    answers.finish()
}

fn text_of(from: impl Read, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    from.take(MAX + 1).read_to_end(&mut bytes).context(|| format!("read {name}"))?;
    if bytes.len() as u64 > MAX {
        return Err(Error::failed(format!("{name} is larger than {} MiB", MAX >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
        Error::failed(format!("{name}:{line}: not valid UTF-8"))
    })
}
