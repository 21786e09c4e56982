//! The run: namespaces in, their processes out.

use std::collections::{BTreeMap, BTreeSet};

use nicon_core::filter::stream::{self, Answers, Line, Lines};
use nicon_core::machine::Machine;
use nicon_core::{Error, NsType, Process, Record, Result, Status, proc};

use crate::args::Args;
use crate::census::Census;
use crate::containers::Containers;
use crate::denied::{self, Asked};
use crate::holders::Holders;
use crate::leader;
use crate::members::{self, Many, Member};
use crate::names::{self, is_stdin};
use crate::output;
use crate::query::Query;
use crate::scope::Scope;
use crate::search::{self, Found};

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-nsfind";

/// Answers the questions of the command line or of standard input.
///
/// # Errors
/// A failure that ends the run, unlike that of a single question.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let mut answers = Answers::new(PROGRAM, output::view(args))?;
    let nsdev = Process::myself()?.namespace_id(NsType::Mnt)?.map_or(0, |id| id.dev);
    let names = args.names.as_deref().map(names::read).transpose()?;
    let mut run = Run { args, answers: &mut answers, names, nsdev };
    if !args.operands.is_empty() {
        let questions = args.operands.iter().map(|text| (None, run.ask(text)));
        let questions = questions.collect();
        run.answer(questions)?;
    } else if args.list || args.names.as_deref().is_some_and(is_stdin) || !stream::stdin_is_a_stream() {
        run.list()?;
    } else {
        let mut lines = Lines::stdin("name a namespace")?;
        loop {
            let batch = lines.batch()?;
            if batch.is_empty() {
                break;
            }
            let questions = batch
                .into_iter()
                .map(|Line { number, text }| (Some(number), text.and_then(|text| run.ask(text.trim()))));
            let questions = questions.collect();
            run.answer(questions)?;
        }
    }
    answers.finish()
}

struct Run<'a> {
    args: &'a Args,
    answers: &'a mut Answers,
    names: Option<Containers>,
    nsdev: u64,
}

type Question = (Option<u64>, Result<Vec<Query>>);

impl Run<'_> {
    /// The namespaces that an operand or a line asks for.
    fn ask(&self, text: &str) -> Result<Vec<Query>> {
        if text.starts_with('{') {
            return Query::of_record(&Record::parse(text)?, self.args.types.chosen(), self.nsdev);
        }
        Ok(vec![Query::parse(text, self.args.types.chosen())?])
    }

    /// Answers several questions with one walk.
    fn answer(&mut self, questions: Vec<Question>) -> Result<()> {
        let mut wanted = Vec::new();
        for (line, question) in questions {
            match question {
                Ok(some) => wanted.extend(some.into_iter().map(|one| one.asked_by(line))),
                Err(error) => self.answers.give(line, Err(error))?,
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        if self.args.all || self.args.first { self.members(&wanted) } else { self.leaders(&wanted) }
    }

    fn members(&mut self, wanted: &[Query]) -> Result<()> {
        let many = if self.args.all { Many::All } else { Many::First };
        let (census, printed) = members::print(wanted, many, self.names.as_ref(), self.answers)?;
        let mut asked = Vec::new();
        for (wanted, printed) in wanted.iter().zip(printed) {
            if printed.is_none() {
                self.answers.give(wanted.line, Err(wanted.not_found(false)))?;
            }
            // If any one process was asked for, one is a complete answer.
            if printed.is_none() || many == Many::All {
                asked.push(asked_for(wanted, printed));
            }
        }
        self.complain(denied::complaint(&census, &asked))
    }

    fn leaders(&mut self, wanted: &[Query]) -> Result<()> {
        let census = Census::take(&Scope::only(wanted))?;
        let types: Vec<NsType> = wanted.iter().flat_map(|wanted| wanted.types.iter().copied()).collect();
        let found = self.args.holders.then(|| search::find(&types)).transpose()?;
        let holders = found.as_ref().map(|found| &found.holders);
        let answers = leader::answers(wanted, &census, holders, self.names.as_ref(), holders.is_some())?;
        let mut asked = Vec::new();
        for (wanted, answer) in wanted.iter().zip(answers) {
            asked.push(asked_for(wanted, member(answer.as_ref())));
            self.give(wanted.line, answer.unwrap_or_else(|| Err(wanted.not_found(holders.is_some()))))?;
        }
        // Any process may hold a namespace that it is not in.
        match found {
            Some(found) => self.complain_of(&census, found),
            None => self.complain(denied::complaint(&census, &asked)),
        }
    }

    fn list(&mut self) -> Result<()> {
        let census = Census::take(&Scope::every(self.args.types.chosen()))?;
        let found = self.args.holders.then(|| search::find(self.args.types.chosen())).transpose()?;
        let holders = found.as_ref().map(|found| &found.holders);
        let counted = census.tallies.iter().map(|(ino, tally)| (tally.ns_type, *ino));
        let held = holders.into_iter().flat_map(Holders::namespaces);
        let every: BTreeMap<u64, NsType> = counted.chain(held).map(|(ns_type, ino)| (ino, ns_type)).collect();
        let every = every.into_iter().filter(|(_, ns_type)| self.args.types.chosen().contains(ns_type));
        let every: Vec<Query> = every.map(|(ino, ns_type)| Query::found(ns_type, ino)).collect();
        // Nobody asked for these by name, so one that has ended since the walk is not an error.
        for answer in
            leader::answers(&every, &census, holders, self.names.as_ref(), !self.args.pid)?.into_iter().flatten()
        {
            self.give(None, answer)?;
        }
        match found {
            Some(found) => self.complain_of(&census, found),
            None => self.complain(proc::complaint(&census.denied)),
        }
    }

    /// Says what a search for holders has not seen.
    fn complain_of(&mut self, census: &Census, found: Found) -> Result<()> {
        let denied: BTreeSet<i32> = census.denied.iter().copied().chain(found.denied).collect();
        self.complain(proc::complaint(&Vec::from_iter(denied)))?;
        self.complain(found.sockets)
    }

    /// Prints an answer. What says whose kernel it is of is set here, since a namespace without a process gets it from no process.
    fn give(&mut self, line: Option<u64>, answer: Result<Record>) -> Result<()> {
        let machine = Machine::this()?;
        let answer = answer.map(|mut record| {
            record.set("nsdev", self.nsdev);
            machine.write_to(&mut record);
            record
        });
        self.answers.give(line, answer)
    }

    fn complain(&mut self, complaint: Option<Error>) -> Result<()> {
        complaint.map_or(Ok(()), |error| self.answers.give(None, Err(error)))
    }
}

fn asked_for(wanted: &Query, member: Option<Member>) -> Asked {
    let ns_type = member.map(|(ns_type, _)| ns_type).or(match wanted.types[..] {
        [only] => Some(only),
        _ => None,
    });
    Asked { ns_type, ino: wanted.ino, member: member.map(|(_, pid)| pid) }
}

/// The process in an answer.
fn member(answer: Option<&Result<Record>>) -> Option<Member> {
    let record = answer?.as_ref().ok()?;
    Some((record.text("nstype").ok()??.parse().ok()?, record.integer("pid").ok()??))
}
