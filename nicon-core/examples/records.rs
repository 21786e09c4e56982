//! A filter: passes on the records of processes that are still the same, each with the user whose process it is.
//!
//! `nicon-resolve '**' | cargo run --features filter --example records`

use std::process::ExitCode;

use nicon_core::filter::cli;
use nicon_core::filter::column::Column;
use nicon_core::filter::format::OutputFormat;
use nicon_core::filter::stream::{Answers, Lines};
use nicon_core::{Process, Record, Result, Status};

/// What people see at a terminal; a pipe gets whole records.
const COLUMNS: &[Column] = &[
    Column::new("TARGET", |record| record.cell("target")),
    Column::new("PID", |record| record.cell("pid")),
    Column::new("UID", |record| record.cell("uid")),
];

fn main() -> ExitCode {
    cli::run("records", run)
}

fn run() -> Result<Status> {
    let mut answers = Answers::new("records", OutputFormat::default().view(COLUMNS))?;
    for line in Lines::stdin("this is a filter")? {
        let line = line?;
        // A record that fails is a line on standard error, and the stream goes on.
        answers.give(Some(line.number), line.record("nicon-nsid prints one for each process").and_then(with_owner))?;
    }
    answers.finish()
}

fn with_owner(mut record: Record) -> Result<Record> {
    // Fails if the PID belongs to another process by now.
    let process = Process::from_record(&record)?;
    let [uid, ..] = process.uids()?;
    record.set("uid", uid);
    Ok(record)
}
