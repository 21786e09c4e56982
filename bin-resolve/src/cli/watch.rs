//! The run with `--watch`: what is there, and then what happens to it.

mod input;
mod plans;
mod questions;
mod told;

use nicon_core::filter::stream::{Answers, Line};
use nicon_core::filter::{open_files, worker_process};
use nicon_core::{Error, Record, Result, Status};
use nicon_resolve::{Observer, Order, Resolver, Sighting};

use crate::cli::args::Args;
use crate::cli::output;
use crate::cli::program::{PROGRAM, log};
use crate::cli::question::Question;
use crate::cli::watch::input::Input;
use crate::cli::watch::plans::{Plans, Replaced};
use crate::cli::watch::questions::Questions;

/// Watches the paths of the command line, or of standard input, until the reader leaves.
///
/// # Errors
/// What ends the whole run.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let answers = Answers::new(PROGRAM, output::view_of_events(args))?;
    let resolver = Resolver::new(args.options(log))?;
    // Each container is held by a few descriptors.
    open_files::allow_many()?;
    // There are threads from here on.
    worker_process::start(PROGRAM)?;
    let inputs = input::begin(args.paths.is_empty())?;
    let mut watching = Watching { answers, plans: Plans::default(), questions: Questions::default() };
    let mut orders = Vec::new();
    watching.follow_all(args.paths.iter().map(|path| Question::from_operand(path)).collect(), &mut orders)?;
    let outcome = resolver.watch(orders, inputs, &mut watching);
    // The process is about to end, and all that the resolver holds with it.
    std::mem::forget(resolver);
    outcome.and_then(|()| watching.answers.finish())
}

struct Watching {
    answers: Answers,
    plans: Plans,
    questions: Questions,
}

impl Observer for Watching {
    type Input = Input;

    fn take(&mut self, input: Input) -> Result<Option<Vec<Order>>> {
        match input {
            Input::Left => Ok(None),
            Input::Lines(lines) => self.take_lines(lines).map(Some),
            Input::End(ended) => {
                ended?;
                if self.plans.come_from_a_stream() {
                    return Err(Error::failed("the plan's stream has ended"));
                }
                Ok(if self.questions.is_empty() { None } else { Some(Vec::new()) })
            }
        }
    }

    fn see(&mut self, sightings: Vec<Sighting>) -> Result<bool> {
        let mut news = Vec::new();
        for sighting in sightings {
            news.extend(match sighting {
                Sighting::Trouble(error) => vec![Err(error)],
                Sighting::Absent { query, why } => self.questions.is_absent(query, &why),
                Sighting::Container { query, what, hit, is_paused } => {
                    self.questions.has_seen(query, what, hit, is_paused)
                }
            });
        }
        self.answers.give_all(news)?;
        Ok(true)
    }
}

impl Watching {
    fn take_lines(&mut self, lines: Vec<Line>) -> Result<Vec<Order>> {
        let mut orders = Vec::new();
        self.follow_all(lines.into_iter().map(Question::from).collect(), &mut orders)?;
        // What the last revision of a plan asked for, too, goes on without a break.
        orders.extend(self.questions.unasked().into_iter().map(Order::Leave));
        Ok(orders)
    }

    /// Follows questions that came at once.
    fn follow_all(&mut self, questions: Vec<Question>, orders: &mut Vec<Order>) -> Result<()> {
        self.answers.expect(questions.iter().map(|asked| &asked.from.record));
        questions.into_iter().try_for_each(|question| self.follow(question, orders))
    }

    /// Follows a question. What is known of it already is told.
    fn follow(&mut self, question: Question, orders: &mut Vec<Order>) -> Result<()> {
        let Question { query, from } = question;
        let (line, record) = (from.line, from.record);
        if Plans::is_empty_revision(&record) {
            return match self.replace(&record, None) {
                Ok(()) => self.answers.give(line, Ok(record)),
                Err(error) => self.answers.give(line, Err(error)),
            };
        }
        let followed = query.transpose().and_then(|query| self.questions.follow(record.clone(), query, orders));
        let (number, news) = match followed {
            Ok((number, news)) => (Some(number), Ok(news)),
            Err(error) => (None, Err(error)),
        };
        match self.replace(&record, number).and(news) {
            Ok(news) => self.answers.give_all(news),
            Err(error) => {
                if let Some(number) = number {
                    self.questions.leave(number);
                }
                self.answers.give(line, Err(error))
            }
        }
    }

    /// A record, which has become this question, may take the place of others.
    fn replace(&mut self, record: &Record, question: Option<usize>) -> Result<()> {
        let Replaced { silenced, dropped } = self.plans.take(record, question)?;
        for question in silenced {
            self.questions.silence(question);
        }
        for question in dropped {
            self.questions.leave(question);
        }
        Ok(())
    }
}
