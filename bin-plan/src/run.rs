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
use crate::document;
use crate::keys::KEYS;
use crate::plan;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-plan";

/// The largest plan that is read, in bytes: room for some hundred thousand links.
const MAX: u64 = 16 << 20;

const COLUMNS: &[Column] = &[
    Column { title: "TARGET", cell: |record| record.cell("target") },
    Column { title: "LINK", cell: |record| record.cell("link") },
    Column { title: "NAME", cell: |record| record.cell("name") },
    Column { title: "EXPECTED_PID", cell: |record| record.cell("expected_pid") },
    Column { title: "MORE", cell: more },
];

/// The link's other attributes: `addr=192.0.2.2/24 mtu=1400`.
fn more(record: &Record) -> String {
    let value = |field: &str| match record.get(field)? {
        Value::Array(items) => Some(items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(",")),
        value => Some(cell(Some(value))),
    };
    let shown: Vec<_> = KEYS
        .iter()
        .map(|key| key.field)
        .filter(|field| !["target", "link", "name", "expected_pid"].contains(field))
        .filter_map(|field| Some(format!("{field}={}", value(field)?)))
        .collect();
    if shown.is_empty() { "-".to_owned() } else { shown.join(" ") }
}

/// Prints the records of the plan.
///
/// # Errors
/// If the plan cannot be read, or is not YAML.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let mut answers = Answers::new(PROGRAM, View::choose(args.json, COLUMNS))?;
    let file = args.file.as_deref().unwrap_or(Path::new("-"));
    let (name, text) = if file == Path::new("-") {
        // A plan can be typed, but only if that is asked for.
        if args.file.is_none() && io::stdin().is_terminal() {
            return Err(Error::failed("nothing to do: name a plan, or - for standard input (see --help)"));
        }
        ("standard input".to_owned(), read(io::stdin(), "standard input")?)
    } else {
        let name = file.display().to_string();
        let text = read(File::open(file).context(|| format!("open {name}"))?, &name)?;
        (name, text)
    };
    let document = document::parse(&text).map_err(|fault| fault.prefix(&name))?;
    match plan::records(document.as_ref(), (!args.each).then_some(&name)) {
        Ok(records) => records.into_iter().try_for_each(|record| answers.give(None, Ok(record)))?,
        Err(faults) => faults.into_iter().try_for_each(|fault| answers.give(None, Err(fault.prefix(&name))))?,
    }
    answers.finish()
}

fn read(from: impl Read, name: &str) -> Result<String> {
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
