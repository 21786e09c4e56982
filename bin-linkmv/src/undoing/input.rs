//! Undoing: all records in, their deeds undone from the last to the first, what remains out.

use std::collections::HashMap;
use std::time::Duration;

use nicon_core::filter::format::OutputFormat;
use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::stream::{Answers, Lines, RECORDS};
use nicon_core::filter::table::Column;
use nicon_core::record::cell;
use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::record::TARGET;
use serde_json::{Value, json};

use crate::link::journal::Journals;
use crate::link::namespaces::Namespaces;
use crate::link::on_top::OnTop;
use crate::record::deed::Deed;
use crate::record::failed::FAILED;
use crate::undoing::limits::{Limits, Reach};
use crate::undoing::undone::Undone;
use crate::undoing::{find_undone, undo_alone};

/// The field that lists what was undone.
const UNDONE: &str = "undone";

const COLUMNS: &[Column] = &[
    TARGET,
    Column { title: "NAME", cell: |record| of_each(record, "name") },
    Column { title: "IFINDEX", cell: |record| of_each(record, "ifindex") },
    Column { title: "CHANGED", cell: |record| of_each(record, "changed") },
    Column { title: "FAILED", cell: |record| record.cell(FAILED) },
];

/// How the command line asks for it.
pub(crate) struct Options {
    /// What messages begin with.
    pub(crate) program: &'static str,
    /// What answers are printed as.
    pub(crate) format: OutputFormat,
    /// Whether links are put back, and pairs removed, even if that destroys what is stacked on them.
    pub(crate) force: bool,
    /// Whether the first failure ends the run.
    pub(crate) fail_fast: bool,
    /// How long to rest after each deed that is undone.
    pub(crate) pace: Duration,
}

/// A record, and its deeds that are not undone yet.
struct Input {
    line: u64,
    record: Record,
    deeds: Vec<Deed>,
    undone: Vec<Value>,
}

/// Undoes the deeds of all records.
///
/// # Errors
/// What ends the whole run; a deed that cannot be undone does not.
pub(crate) fn run(options: &Options, interrupt: &Interrupt, namespaces: &Namespaces) -> Result<Status> {
    let mut answers = Answers::new(options.program, options.format.view(COLUMNS))?;
    let mut input = read(&mut answers, options.program, interrupt)?;
    let journals = Journals::open(options.program, Duration::ZERO, interrupt)?;
    undo_all(&mut input, options, interrupt, (namespaces, &journals), &mut answers)?;
    answers.give_all(input.into_iter().map(|input| Ok(input.remains())))?;
    answers.finish()
}

fn read(answers: &mut Answers, program: &str, interrupt: &Interrupt) -> Result<Vec<Input>> {
    let mut all = Vec::new();
    for line in
        Lines::stdin_until(interrupt, &format!("redirect the output of an earlier run ({program} --undo <moved)"))?
    {
        let line = line?;
        let record = line.record(RECORDS);
        match record.and_then(|record| Ok((Deed::all(&record)?, record))) {
            Ok((deeds, record)) => all.push(Input { line: line.number, record, deeds, undone: Vec::new() }),
            Err(error) => answers.give(Some(line.number), Err(error))?,
        }
    }
    let tells =
        |input: &Input| !input.deeds.is_empty() || [FAILED, UNDONE].iter().any(|f| input.record.get(f).is_some());
    if !all.is_empty() && !all.iter().any(tells) {
        return Err(Error::failed(
            "no record has a \"done\": this is not the output of a move (of nicon-linkmv, nor of nicon-veth)",
        ));
    }
    Ok(all)
}

/// Undoes each deed once: the last line's first, and of one record the last one first. So whatever was done on top of
/// something else is undone before it.
fn undo_all(
    input: &mut [Input],
    options: &Options,
    interrupt: &Interrupt,
    (namespaces, journals): (&Namespaces, &Journals<'_>),
    answers: &mut Answers,
) -> Result<()> {
    let mut undone: HashMap<String, Option<Undone>> = HashMap::new();
    let guard = (!options.force).then(OnTop::default);
    for at in (0..input.len()).rev() {
        let (before, rest) = input.split_at_mut(at);
        let Input { line, record, deeds, undone: listed } = &mut rest[0];
        for index in (0..deeds.len()).rev() {
            let key = deeds[index].key();
            if !undone.contains_key(&key) {
                if let Err(error) = interrupt.check() {
                    return answers.give(None, Err(error.suffix(", before all was undone")));
                }
                let undo_in = |reach| {
                    let limits = Limits { reach, guard: guard.as_ref() };
                    undo_alone(&deeds[index], record, namespaces, (journals, limits))
                };
                let mut outcome = undo_in(Reach::Left);
                if outcome.as_ref().is_err_and(|error| error.status() == Status::No) {
                    let earlier = deeds[..index].iter().map(|deed| (deed, &*record));
                    let earlier = earlier.chain(before.iter().flat_map(Input::each_deed));
                    outcome =
                        undone_below(&deeds[index], earlier, namespaces).map_or_else(|| undo_in(Reach::Anywhere), Ok);
                }
                if outcome.as_ref().is_ok_and(|undone| undone.changed) {
                    interrupt.sleep(options.pace);
                }
                if let Ok(Err(error)) = outcome.as_ref().map(Undone::check) {
                    answers.give(Some(*line), Err(error))?;
                }
                let failed = outcome.is_err();
                undone.insert(key.clone(), outcome.as_ref().ok().cloned());
                if let Err(error) = outcome {
                    answers.give(Some(*line), Err(error))?;
                }
                if failed && options.fail_fast {
                    return Ok(());
                }
            }
            if let Some(Some(undone)) = undone.get(&key) {
                let deed = deeds.remove(index);
                deed.take_from(record, index);
                listed.push(entry(&deed, undone));
            }
        }
    }
    Ok(())
}

/// What became of a deed that was done on top of an earlier one which has been undone: it has been undone before that.
fn undone_below<'a>(
    deed: &Deed,
    earlier: impl Iterator<Item = (&'a Deed, &'a Record)>,
    namespaces: &Namespaces,
) -> Option<Undone> {
    let inode = deed.inode()?;
    let mut same = earlier.filter(|(earlier, _)| earlier.inode() == Some(inode));
    same.find_map(|(earlier, record)| find_undone(earlier, record, namespaces).ok().flatten())
}

/// The entry of a deed in `undone`.
fn entry(deed: &Deed, Undone { changed, now, missing }: &Undone) -> Value {
    let (netns, name, ifindex) = match now {
        Some(now) => (Some(now.netns), &now.name, now.ifindex),
        None => (deed.netns, &deed.name, deed.ifindex),
    };
    let mut entry =
        json!({ "id": deed.id, "by": deed.by, "netns": netns, "name": name, "ifindex": ifindex, "changed": changed });
    if !missing.is_empty() {
        entry["missing"] = json!(missing);
    }
    entry
}

impl Input {
    fn each_deed(&self) -> impl Iterator<Item = (&Deed, &Record)> {
        self.deeds.iter().map(|deed| (deed, &self.record))
    }

    /// The record as it goes on.
    fn remains(self) -> Record {
        let Self { mut record, deeds, undone, .. } = self;
        if undone.is_empty() {
            return record;
        }
        if deeds.is_empty() {
            record.remove(FAILED);
        }
        let before = record.get(UNDONE).and_then(Value::as_array).cloned().unwrap_or_default();
        record.set(UNDONE, [before, undone].concat());
        record
    }
}

/// A field of each entry of `undone`, as a cell of a table.
pub(crate) fn of_each(record: &Record, field: &str) -> String {
    let entries = record.get(UNDONE).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let cells: Vec<_> = entries.iter().map(|entry| cell(entry.get(field))).collect();
    if cells.is_empty() { "-".to_owned() } else { cells.join(", ") }
}
