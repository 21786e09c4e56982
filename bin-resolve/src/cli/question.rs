//! Questions and their answers: a target, and the record that asks for it.

use nicon_core::filter::stream::Line;
use nicon_core::machine::Machine;
use nicon_core::path::Start;
use nicon_core::{Error, Record, Result};
use nicon_resolve::{Hit, Query, Resolver};

use crate::cli::groups::{Group, Groups};
use crate::cli::labels::{Doubts, has_not};
use crate::cli::output;
use crate::cli::source::Sources;

/// A query, and who asks.
pub(crate) struct Question {
    /// `None` where the target is no container: then there is nothing to be found.
    pub(crate) query: Option<Result<Query>>,
    pub(crate) from: Origin,
}

/// The record that asks, and where it is from.
pub(crate) struct Origin {
    pub(crate) line: Option<u64>,
    group: Group,
    pub(crate) record: Record,
    kind: Kind,
}

/// How many answers a question can have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One: a container.
    Path,
    /// Any number of containers.
    Pattern,
    /// The record itself, whose target is no container.
    Start,
}

impl Question {
    /// A path or pattern from the command line.
    pub(crate) fn from_operand(target: &str) -> Self {
        Self::new(None, Ok(asking_for(target)))
    }

    fn new(line: Option<u64>, record: Result<Record>) -> Self {
        let group = Group::from(&record);
        let asked = record.and_then(|record| {
            // Here the path may lead to another container.
            Machine::this()?.check(&record)?;
            let target = record.text("target")?.ok_or_else(|| Error::failed("the record has no \"target\""))?;
            let query = if Start::parse(target)?.is_some() { None } else { Some(target.parse::<Query>()?) };
            Ok((query, record))
        });
        let (query, record) = match asked {
            Ok((query, record)) => (query.map(Ok), record),
            Err(error) => (Some(Err(error)), Record::default()),
        };
        let kind = match &query {
            None => Kind::Start,
            Some(Ok(query)) if query.is_pattern() => Kind::Pattern,
            Some(_) => Kind::Path,
        };
        // What a plan asks for is told by its name: people have seen its file, and not these lines.
        let line = line.filter(|_| record.get("plan").is_none());
        Self { query, from: Origin { line, group, record, kind } }
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

/// Answers in the order of the questions.
///
/// # Errors
/// If standard output fails. A question that cannot be answered does not end the run.
pub(crate) fn answer_all(mut questions: Vec<Question>, resolver: &Resolver, answers: &mut Groups) -> Result<()> {
    let sources = Sources::find(questions.iter().map(|asked| &asked.from.record), resolver)?;
    for Question { query, from } in &mut questions {
        if let Err(error) = sources.fill(&mut from.record) {
            (*query, from.kind) = (Some(Err(error)), Kind::Path);
        }
    }
    let (origins, queries): (Vec<_>, Vec<_>) = questions.into_iter().map(|asked| (asked.from, asked.query)).unzip();
    let (numbers, queries): (Vec<_>, Vec<_>) =
        queries.into_iter().enumerate().filter_map(|(number, query)| Some((number, query?))).unzip();
    let (number, is_answered, doubts) = (0, false, Doubts::default());
    let mut turn = Turn { origins: &origins, answers, number, is_answered, doubts };
    resolver.answer(queries, |query, answer| turn.give(numbers[query], answer))?;
    turn.go_to(origins.len())
}

/// Whose turn it is to be answered.
struct Turn<'a> {
    origins: &'a [Origin],
    answers: &'a mut Groups,
    number: usize,
    is_answered: bool,
    /// What is not known of the labels of what was found.
    doubts: Doubts,
}

impl Turn<'_> {
    fn give(&mut self, number: usize, answer: Result<Hit>) -> Result<()> {
        self.go_to(number)?;
        let Origin { line, group, record, kind } = &self.origins[number];
        let is_pattern = *kind == Kind::Pattern;
        let answer = match answer {
            Ok(hit) => match self.answers.labels.lacking(&hit) {
                Ok(Some(_)) if is_pattern => return Ok(()),
                Ok(Some(label)) => Err(has_not(label).prefix(record.cell("target"))),
                Err(error) if is_pattern => {
                    self.doubts.add(hit.path(), error.to_string());
                    self.is_answered = true;
                    return Ok(());
                }
                Err(error) => Err(error.prefix(hit.path())),
                Ok(None) => match output::fill(record.clone(), &hit, is_pattern) {
                    // It has just stopped.
                    Err(_) if is_pattern && hit.process().is_ending() => return Ok(()),
                    Ok(mut filled) => {
                        if let Some(why) = self.answers.labels.add(&mut filled, &hit) {
                            self.doubts.add(hit.path(), why);
                        }
                        Ok(filled)
                    }
                    Err(error) => Err(error.prefix(record.cell("target"))),
                },
            },
            Err(error) => Err(error),
        };
        self.is_answered = true;
        self.answers.give(*line, group.clone(), answer)
    }

    /// Goes on to another question. What has no answer yet is a pattern that nothing matches, or no container.
    fn go_to(&mut self, number: usize) -> Result<()> {
        while self.number < number {
            let Origin { line, group, record, kind } = &self.origins[self.number];
            for doubt in self.doubts.take() {
                self.answers.give(*line, group.clone(), Err(doubt))?;
            }
            if !self.is_answered {
                let answer = match kind {
                    Kind::Start => output::pass(record, self.answers.of_pids),
                    Kind::Path | Kind::Pattern => Err(Error::no("no running container matches")),
                };
                let answer = answer.map_err(|error| error.prefix(record.cell("target")));
                self.answers.give(*line, group.clone(), answer)?;
            }
            (self.number, self.is_answered) = (self.number + 1, false);
        }
        Ok(())
    }
}
