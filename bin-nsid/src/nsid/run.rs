//! The run: processes in, their namespaces out.

use nicon_core::filter::stream::{Answers, Lines, View};
use nicon_core::{Process, Record, Result, Status};

use crate::args::Args;
use crate::operand::Operand;
use crate::output;
use crate::tree;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-nsid";

/// Answers the questions of the command line or of standard input.
///
/// # Errors
/// A failure that ends the run, unlike that of a single question.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let view = output::view(args);
    let mut answers = Answers::new(PROGRAM, output::view(args))?;
    if args.operands.is_empty() {
        for line in Lines::stdin("name a PID")? {
            let line = line?;
            let question = line.text.and_then(|text| parse_line(&text));
            give(&mut answers, Some(line.number), question, args, &view)?;
        }
    } else {
        for operand in &args.operands {
            give(&mut answers, None, operand.record(), args, &view)?;
        }
    }
    answers.finish()
}

fn parse_line(line: &str) -> Result<Record> {
    match line.trim() {
        record if record.starts_with('{') => Record::parse(record),
        pid => pid.parse::<Operand>()?.record(),
    }
}

fn give(answers: &mut Answers, line: Option<u64>, question: Result<Record>, args: &Args, view: &View) -> Result<()> {
    match question.and_then(|record| answer(record, args, view)) {
        Ok(rows) => rows.into_iter().try_for_each(|row| answers.give(line, Ok(row))),
        Err(error) => answers.give(line, Err(error)),
    }
}

fn answer(mut record: Record, args: &Args, view: &View) -> Result<Vec<Record>> {
    let process = Process::from_record(&record)?;
    if let Some(bare) = output::bare(&process, args)? {
        return Ok(vec![bare]);
    }
    process.write_to(&mut record)?;
    let types = args.types.chosen();
    let mut chosen = Record::default();
    for (name, ino) in record.integers("ns")? {
        if types.iter().any(|ns_type| ns_type.name() == name) {
            chosen.set(name, ino);
        }
    }
    record.set("ns", chosen);
    if args.tree {
        record.set("nstree", tree::tree(&process, types)?);
    }
    output::rows(record, view)
}
