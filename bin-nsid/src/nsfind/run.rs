//! The run: namespaces in, their processes out.

use nicon_core::containers::Containers;
use nicon_core::filter::stream::{self, Line, Lines};
use nicon_core::{NsType, Record, Result, Status};

use crate::answer::leader;
use crate::answer::list::list;
use crate::answer::members::{self, Many, Member};
use crate::answer::replies::{Replies, Searched};
use crate::question::args::Args;
use crate::question::names;
use crate::question::query::Query;
use crate::walk::census::Census;
use crate::walk::denied::{self, Asked};
use crate::walk::scope::Scope;

/// Answers the questions of the command line or of standard input.
///
/// # Errors
/// A failure that ends the run, unlike that of a single question.
pub(crate) fn run(args: &Args) -> Result<Status> {
    let mut replies = Replies::new(args)?;
    let names = names::of(args)?;
    if args.is_list() || args.operands.is_empty() && !stream::stdin_is_a_stream() {
        list(args, names.as_ref(), &mut replies)?;
        return replies.finish();
    }
    let mut run = Run { args, replies: &mut replies, names };
    if !args.operands.is_empty() {
        let questions = args.operands.iter().map(|text| (None, run.ask(text)));
        let questions = questions.collect();
        run.answer(questions)?;
        return replies.finish();
    }
    let mut lines = Lines::stdin("name a namespace")?;
    loop {
        let batch = lines.batch()?;
        if batch.is_empty() {
            return replies.finish();
        }
        let questions =
            batch.into_iter().map(|Line { number, text }| (Some(number), text.and_then(|text| run.ask(text.trim()))));
        let questions = questions.collect();
        run.answer(questions)?;
    }
}

struct Run<'a> {
    args: &'a Args,
    replies: &'a mut Replies,
    names: Option<Containers>,
}

type Question = (Option<u64>, Result<Vec<Query>>);

impl Run<'_> {
    /// The namespaces that an operand or a line asks for.
    fn ask(&self, text: &str) -> Result<Vec<Query>> {
        if text.starts_with('{') {
            return Query::of_record(&Record::parse(text)?, self.args.types.chosen(), self.replies.nsdev);
        }
        Ok(vec![Query::parse(text, self.args.types.chosen())?])
    }

    /// Answers several questions with one walk.
    fn answer(&mut self, questions: Vec<Question>) -> Result<()> {
        let mut wanted = Vec::new();
        for (line, question) in questions {
            match question {
                Ok(some) => wanted.extend(some.into_iter().map(|one| one.asked_by(line))),
                Err(error) => self.replies.give(line, Err(error))?,
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        if self.args.all || self.args.first { self.members(&wanted) } else { self.leaders(&wanted) }
    }

    fn members(&mut self, wanted: &[Query]) -> Result<()> {
        let many = if self.args.all { Many::All } else { Many::First };
        let (census, printed) = members::print(wanted, many, self.names.as_ref(), &mut self.replies.answers)?;
        let mut asked = Vec::new();
        for (wanted, printed) in wanted.iter().zip(printed) {
            if printed.is_none() {
                self.replies.give(wanted.line, Err(wanted.not_found(false)))?;
            }
            // If any one process was asked for, one is a complete answer.
            if printed.is_none() || many == Many::All {
                asked.push(asked_for(wanted, printed));
            }
        }
        self.replies.complain(denied::complaint(&census, &asked))
    }

    fn leaders(&mut self, wanted: &[Query]) -> Result<()> {
        let census = Census::take(&Scope::only(wanted))?;
        let types: Vec<NsType> = wanted.iter().flat_map(|wanted| wanted.types.iter().copied()).collect();
        let searched = self.args.holders.then(|| Searched::now(&types)).transpose()?;
        let holders = searched.as_ref().map(|searched| &searched.found.holders);
        let answers = leader::answers(wanted, &census, holders, self.names.as_ref(), holders.is_some())?;
        let mut asked = Vec::new();
        for (wanted, mut answer) in wanted.iter().zip(answers) {
            asked.push(asked_for(wanted, member(answer.as_ref())));
            let mut untold = None;
            if let (Some(Ok(record)), Some(searched)) = (&mut answer, &searched) {
                untold = searched.describe(record, wanted, true);
            }
            self.replies.give(wanted.line, answer.unwrap_or_else(|| Err(wanted.not_found(holders.is_some()))))?;
            self.replies.complain(untold)?;
        }
        // Any process may hold a namespace that it is not in.
        match searched {
            Some(searched) => self.replies.complain_of(&census, searched),
            None => self.replies.complain(denied::complaint(&census, &asked)),
        }
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
