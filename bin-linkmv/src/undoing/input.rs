//! Undoing: all records in, their deeds undone from the last to the first, what remains out.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use nicon_core::filter::column::Column;
use nicon_core::filter::format::OutputFormat;
use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::stream::{Answers, Lines, RECORDS};
use nicon_core::{Error, Record, Result, Status};
use nicon_rtnl::record::TARGET;
use serde_json::{Value, json};

use crate::link::journal::Journals;
use crate::link::namespaces::Namespaces;
use crate::link::on_top::OnTop;
use crate::link::undo::Undo;
use crate::record::columns::DONE;
use crate::record::deed::Deed;
use crate::record::failed::FAILED;
use crate::record::undone::{REMOVED, UNDONE, of_each, words};
use crate::undoing::limits::{Limits, Reach};
use crate::undoing::undone::Undone;
use crate::undoing::{find_undone, undo_alone};

/// Why a deed is left that nobody tried to undo.
const NOT_TRIED: &str = "not undone, since the run ended before";

const COLUMNS: &[Column] = &[
    TARGET,
    Column::new("NAME", |record| of_each(record, "name")),
    Column::new("IFINDEX", |record| of_each(record, "ifindex")),
    Column::new(DONE.title, words),
    Column::new("FAILED", |record| record.cell(FAILED)),
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

/// A record, and its deeds.
struct Input {
    line: u64,
    record: Record,
    deeds: Vec<Deed>,
}

/// Undoes the deeds of all records.
///
/// # Errors
/// What ends the whole run; a deed that cannot be undone does not.
pub(crate) fn run(options: &Options, interrupt: &Interrupt, namespaces: &Namespaces) -> Result<Status> {
    let mut answers = Answers::new(options.program, options.format.view(COLUMNS))?;
    let input = read(&mut answers, options.program, interrupt)?;
    let journals = Journals::open(options.program, Duration::ZERO, interrupt)?;
    let guard = (!options.force).then(OnTop::default);
    let known =
        Undoing { options, interrupt, namespaces, journals: &journals, guard }.undo_all(&input, &mut answers)?;
    answers.give_all(input.into_iter().map(|input| Ok(input.remains(&known))))?;
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
            Ok((deeds, record)) => all.push(Input { line: line.number, record, deeds }),
            Err(error) => answers.give(Some(line.number), Err(error))?,
        }
    }
    let tells =
        |input: &Input| !input.deeds.is_empty() || [FAILED, UNDONE].iter().any(|f| input.record.get(f).is_some());
    if !all.is_empty() && !all.iter().any(tells) {
        return Err(Error::failed(
            "no record has a \"done\": this is not what nicon-linkmv, -veth, -linkadd or -wire printed",
        ));
    }
    Ok(all)
}

/// What has become of deeds, by their keys, or why they could not be undone.
type Known = HashMap<String, Result<Undone>>;

/// A run that undoes deeds.
struct Undoing<'a> {
    options: &'a Options,
    interrupt: &'a Interrupt,
    namespaces: &'a Namespaces,
    journals: &'a Journals<'a>,
    guard: Option<OnTop>,
}

impl Undoing<'_> {
    /// Undoes each deed once. Of a deed that is not known then, the run ended before its turn.
    fn undo_all(&self, input: &[Input], answers: &mut Answers) -> Result<Known> {
        let (mut known, mut tried) = (Known::new(), HashSet::new());
        let told = told_by_others(input);
        for (at, index) in in_turn(input) {
            let Input { line, record, deeds, .. } = &input[at];
            let key = deeds[index].key();
            if told.contains_key(&key) || !tried.insert(key.clone()) {
                continue;
            }
            if let Err(error) = self.interrupt.check() {
                answers.give(None, Err(error.suffix(", before all was undone")))?;
                break;
            }
            let earlier = deeds[..index].iter().map(|deed| (deed, record));
            let earlier = earlier.chain(input[..at].iter().flat_map(Input::each_deed));
            match self.undo_one(&deeds[index], record, earlier) {
                Ok(undone) => {
                    if undone.changed {
                        self.interrupt.sleep(self.options.pace);
                    }
                    if let Err(error) = undone.check() {
                        answers.give(Some(*line), Err(error))?;
                    }
                    known.insert(key, Ok(undone));
                }
                Err(error) => {
                    known.insert(key, Err(error.clone()));
                    answers.give(Some(*line), Err(error))?;
                    if self.options.fail_fast {
                        break;
                    }
                }
            }
        }
        for (key, teller) in told {
            if let Some(outcome) = known.get(&teller).cloned() {
                known.insert(key, outcome.map(|undone| Undone { changed: false, missing: Vec::new(), ..undone }));
            }
        }
        Ok(known)
    }

    /// Undoes a deed, on top of these that were done before it.
    fn undo_one<'d>(
        &self,
        deed: &Deed,
        record: &Record,
        earlier: impl Iterator<Item = (&'d Deed, &'d Record)>,
    ) -> Result<Undone> {
        let undo_in = |reach| {
            let limits = Limits { reach, guard: self.guard.as_ref() };
            undo_alone(deed, record, self.namespaces, self.journals, limits)
        };
        match undo_in(Reach::Left) {
            Err(error) if error.status() == Status::No => {
                undone_below(deed, earlier, self.namespaces).map_or_else(|| undo_in(Reach::Anywhere), Ok)
            }
            outcome => outcome,
        }
    }
}

/// The order in which deeds are undone, each as the index of its record and its own index there: the last line first, and of one record
/// the last deed first. So whatever was done on top of something else is undone before it.
fn in_turn(input: &[Input]) -> impl Iterator<Item = (usize, usize)> {
    let each = |(at, input): (usize, &Input)| (0..input.deeds.len()).rev().map(move |index| (at, index));
    input.iter().enumerate().rev().flat_map(each)
}

/// The deeds that found their link moved already, and so know nothing of how it was, where the deed that does is there as well: when that is
/// undone, so are they. By their keys.
fn told_by_others(input: &[Input]) -> HashMap<String, String> {
    let moves = |deed: &Deed| {
        let undo = Undo::from_value(&deed.undo).ok().filter(|undo| deed.netns != Some(undo.netns))?;
        Some(((undo.netns, undo.name), deed.key()))
    };
    let (whole, others): (Vec<_>, Vec<_>) =
        input.iter().flat_map(|input| &input.deeds).partition(|deed| deed.is_whole());
    let tellers: HashMap<_, _> = whole.into_iter().filter_map(moves).collect();
    let told = others.into_iter().filter_map(moves);
    told.filter_map(|(origin, key)| Some((key, tellers.get(&origin)?.clone()))).collect()
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
    if *changed && now.is_none() {
        entry[REMOVED] = true.into();
    }
    if !missing.is_empty() {
        entry["missing"] = json!(missing);
    }
    entry
}

impl Input {
    fn each_deed(&self) -> impl Iterator<Item = (&Deed, &Record)> {
        self.deeds.iter().map(|deed| (deed, &self.record))
    }

    /// The record as it goes on: without the deeds that have been undone, and with why another one could not be.
    fn remains(self, known: &Known) -> Record {
        let Self { mut record, deeds, .. } = self;
        let mut entries = record.get(UNDONE).and_then(Value::as_array).cloned().unwrap_or_default();
        let (told, mut why) = (entries.len(), None);
        for (index, deed) in deeds.iter().enumerate().rev() {
            match known.get(&deed.key()) {
                Some(Ok(undone)) => {
                    deed.take_from(&mut record, index);
                    entries.push(entry(deed, undone));
                }
                Some(Err(error)) => why = why.or(Some(error.to_string())),
                None => why = why.or(Some(NOT_TRIED.to_owned())),
            }
        }
        let undone = entries.len() - told;
        if undone > 0 {
            record.set(UNDONE, entries);
        }
        match why {
            Some(why) => record.set(FAILED, why),
            None if undone > 0 => record.remove(FAILED),
            None => {}
        }
        record
    }
}
