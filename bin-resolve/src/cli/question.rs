//! Questions and their answers: a target, and the record that asks for it.

use nicon_core::filter::stream::Line;
use nicon_core::{Error, Record, Result};
use nicon_resolve::{Hit, Query, Resolver};

use crate::cli::groups::{Group, Groups};
use crate::cli::output;

/// A query, and who asks.
pub(crate) struct Question {
    query: Result<Query>,
    from: Origin,
}

/// The record that asks, and where it is from.
struct Origin {
    line: Option<u64>,
    group: Group,
    record: Record,
    is_pattern: bool,
}

impl Question {
    /// A path or pattern from the command line.
    pub(crate) fn from_operand(target: &str) -> Self {
        Self::new(None, Ok(asking_for(target)))
    }

    fn new(line: Option<u64>, record: Result<Record>) -> Self {
        let group = Group::from(&record);
        let asked = record.and_then(|record| {
            let target = record.text("target")?.ok_or_else(|| Error::failed("the record has no \"target\""))?;
            Ok((target.parse()?, record))
        });
        let (query, record) =
            asked.map_or_else(|error| (Err(error), Record::default()), |(query, record)| (Ok(query), record));
        let is_pattern = query.as_ref().is_ok_and(Query::is_pattern);
        Self { query, from: Origin { line, group, record, is_pattern } }
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
pub(crate) fn answer_all(questions: Vec<Question>, resolver: &Resolver, answers: &mut Groups) -> Result<()> {
    let (origins, queries): (Vec<_>, Vec<_>) = questions.into_iter().map(|asked| (asked.from, asked.query)).unzip();
    let mut turn = Turn { origins: &origins, answers, number: 0, is_answered: false };
    resolver.answer(queries, |number, answer| turn.give(number, answer))?;
    turn.go_to(origins.len())
}

/// Whose turn it is to be answered.
struct Turn<'a> {
    origins: &'a [Origin],
    answers: &'a mut Groups,
    number: usize,
    is_answered: bool,
}

impl Turn<'_> {
    fn give(&mut self, number: usize, answer: Result<Hit>) -> Result<()> {
        self.go_to(number)?;
        let Origin { line, group, record, is_pattern } = &self.origins[number];
        let answer = match answer {
            Ok(hit) => match output::fill(record.clone(), &hit, *is_pattern) {
                // It has just stopped.
                Err(_) if *is_pattern && !hit.process().is_alive() => return Ok(()),
                filled => filled.map_err(|error| error.prefix(record.cell("target"))),
            },
            Err(error) => Err(error),
        };
        self.is_answered = true;
        self.answers.give(*line, group.clone(), answer)
    }

    /// Goes on to another question. Only patterns can be left without an answer.
    fn go_to(&mut self, number: usize) -> Result<()> {
        while self.number < number {
            if !self.is_answered {
                let Origin { line, group, record, .. } = &self.origins[self.number];
                let nothing = Error::no("no running container matches").prefix(record.cell("target"));
                self.answers.give(*line, group.clone(), Err(nothing))?;
            }
            (self.number, self.is_answered) = (self.number + 1, false);
        }
        Ok(())
    }
}
