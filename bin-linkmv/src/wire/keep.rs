//! Keeping plans wired: records come for as long as their containers come and go, and what they ask for is done again each time.
//!
//! Between two passes nothing is held open but our own namespace: that of a container which has ended would live on, and its links
//! with it.

mod again;
mod ended;
mod look;
mod pass;
mod plan;
mod table;
mod told;

use nicon_core::machine::Machine;
use nicon_core::{Error, Result, Status};

use crate::record::act::Act;
use crate::record::passing::is_passed_over;
use crate::wire::context::Context;
use crate::wire::read::{Row, Rows};
use again::{Again, Next};
use plan::KeptPlan;
use table::Table;
use told::Output;

/// What is done with each plan.
type Work = fn(&mut KeptPlan, &Context<'_>, &mut Output) -> Result<()>;

/// Keeps the plans of a stream wired until it ends, or a signal comes.
///
/// # Errors
/// What ends the whole run: if the stream of a plan ends, nobody keeps it any more.
pub(crate) fn keep(first: Vec<Row>, mut rows: Rows<'_>, context: &Context<'_>) -> Result<Status> {
    for (is_asked, option) in [(context.args.check, "--check"), (context.args.destroy, "--destroy")] {
        if is_asked {
            return Err(Error::failed(format!(
                "{option} wants the records of a plan, and not a stream that goes on (leave out --watch)"
            )));
        }
    }
    let (mut table, mut again, mut output) = (Table::default(), Again::default(), Output::new(context.args.format)?);
    let mut next = Next::Rows(first);
    loop {
        let mut work: Work = pass::pass;
        let is_news = matches!(next, Next::Rows(_));
        match next {
            Next::Rows(batch) if batch.is_empty() => break,
            Next::Rows(batch) => {
                output.expect(batch.iter().filter_map(|row| row.record.as_ref().ok()));
                batch.into_iter().try_for_each(|row| take(row, &mut table, &mut output))?;
            }
            Next::Again => {}
            Next::Look => work = look::look,
            Next::Interrupted => return output.finish(),
        }
        table.plans().try_for_each(|plan| work(plan, context, &mut output))?;
        context.namespaces.let_go();
        again.plan_try(table.is_failing(), is_news, &context.namespaces.home);
        again.plan_look(table.is_awaited(), is_news);
        next = again.wait(context, &mut rows)?;
    }
    // A stream that is watched sends these records again. If it has ended, only looking ourselves shows what becomes of the links.
    while !table.is_watched() && table.is_awaited() && context.interrupt.signal().is_none() {
        context.interrupt.wait(&[], Some(again::LOOKS.1))?;
        table.plans().try_for_each(|plan| look::look(plan, context, &mut output))?;
        context.namespaces.let_go();
    }
    end(&table, output)
}

/// Takes one line. What asks for nothing, or for what cannot be done now, is passed on at once.
fn take(row: Row, table: &mut Table, output: &mut Output) -> Result<()> {
    let taken = row.record.and_then(|record| {
        Machine::this()?.check(&record)?;
        let passes = is_passed_over(&record) || Act::of(&record)?.is_none();
        table.take(record.clone())?;
        Ok(passes.then_some(record))
    });
    match taken {
        Ok(None) => Ok(()),
        Ok(Some(record)) => output.give_or_tell(record),
        Err(error) => output.tell(error.prefix(format!("line {}", row.number))),
    }
}

/// What a run ends with whose input has ended.
fn end(table: &Table, mut output: Output) -> Result<Status> {
    for error in table.incomplete() {
        output.tell(error)?;
    }
    let status = output.finish()?;
    if table.is_watched() { Err(Error::failed("the plan's stream has ended")) } else { Ok(status) }
}
