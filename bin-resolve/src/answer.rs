//! Questions and their answers: one for a path, any number for a pattern.

use futures_util::StreamExt;
use nicon_core::filter::stream::Line;
use nicon_core::{Error, Record, Result};

use crate::matches::{self, Match};
use crate::name::{self, Asked, Path};
use crate::output;
use crate::pattern::Pattern;
use crate::plan::{Plan, Plans};
use crate::walk::Walk;

/// How many paths are resolved at once.
const CONCURRENT: usize = 32;

/// A target, with the record that asks for it and the origin of that.
pub(crate) struct Question<T = Asked> {
    from: Origin,
    asked: Result<(T, Record)>,
}

/// The line of a question, and the plan that it belongs to.
struct Origin {
    line: Option<u64>,
    plan: Plan,
}

impl Question {
    /// A path or pattern from the command line.
    pub(crate) fn from_operand(target: &str) -> Self {
        Self::new(None, Ok(asking_for(target)))
    }

    fn new(line: Option<u64>, record: Result<Record>) -> Self {
        let from = Origin { line, plan: Plan::from(&record) };
        let asked = record.and_then(|record| {
            let target = record.text("target")?.ok_or_else(|| Error::failed("the record has no \"target\""))?;
            Ok((name::parse(target)?, record))
        });
        Self { from, asked }
    }
}

impl From<Line> for Question {
    fn from(Line { number, text }: Line) -> Self {
        let record = text.and_then(|text| match text.trim() {
            record if record.starts_with('{') => Record::parse(record),
            target => Ok(asking_for(target)),
        });
        Self::new(Some(number), record)
    }
}

fn asking_for(target: &str) -> Record {
    let mut record = Record::default();
    record.set("target", target);
    record
}

/// Answers in the order of the questions. Consecutive paths are resolved together; the containers of a pattern are
/// printed as they are found.
///
/// # Errors
/// If standard output fails. A question that cannot be answered does not end the run.
pub(crate) async fn answer_all(questions: Vec<Question>, walk: &Walk, answers: &mut Plans) -> Result<()> {
    let mut paths = Vec::new();
    for Question { from, asked } in questions {
        match asked {
            Ok((Asked::One(path), record)) => paths.push(Question { from, asked: Ok((path, record)) }),
            Ok((Asked::Many(pattern), record)) => {
                answer_paths(std::mem::take(&mut paths), walk, answers).await?;
                answer_pattern(&from, &record, &pattern, walk, answers).await?;
            }
            Err(error) => paths.push(Question { from, asked: Err(error) }),
        }
    }
    answer_paths(paths, walk, answers).await
}

async fn answer_paths(questions: Vec<Question<Path>>, walk: &Walk, answers: &mut Plans) -> Result<()> {
    let questions = futures_util::stream::iter(questions);
    let answering = questions.map(|Question { from, asked }| async move { (from, answer_path(asked, walk).await) });
    let mut found = answering.buffered(CONCURRENT);
    while let Some((Origin { line, plan }, answer)) = found.next().await {
        answers.give(line, plan, answer)?;
    }
    Ok(())
}

async fn answer_path(asked: Result<(Path, Record)>, walk: &Walk) -> Result<Record> {
    let (path, record) = asked?;
    let target = record.cell("target");
    let hop = walk.find(&path).await.map_err(|error| error.prefix(&target))?;
    output::fill(record, &hop).map_err(|error| error.prefix(&target))
}

async fn answer_pattern(
    from: &Origin,
    record: &Record,
    pattern: &Pattern,
    walk: &Walk,
    answers: &mut Plans,
) -> Result<()> {
    let target = record.cell("target");
    let mut given = 0;
    let mut give = |answer: Result<Record>| {
        given += 1;
        answers.give(from.line, from.plan.clone(), answer.map_err(|error| error.prefix(&target)))
    };
    let give_found = |found: Result<Match>| match found {
        Ok(found) => match output::fill_match(record.clone(), &found) {
            // It has just stopped.
            Err(_) if !found.hop.process.is_alive() => Ok(()),
            answer => give(answer),
        },
        Err(error) => give(Err(error)),
    };
    matches::find(walk, pattern, give_found).await?;
    if given > 0 {
        return Ok(());
    }
    let nothing = Error::no("no running container matches").prefix(&target);
    answers.give(from.line, from.plan.clone(), Err(nothing))
}
