//! Those who act: the cores of the programs for single acts.

use nicon_core::{Record, Result};

use crate::link::ending::Remainder;
use crate::link::mark::Mark;
use crate::link::wait_ready::Readiness;
use crate::linkadd::adding::Adding;
use crate::linkmv::asked::Asked;
use crate::linkmv::change::change;
use crate::linkmv::endpoints::Endpoints;
use crate::making;
use crate::moving::guard::Guard;
use crate::moving::job;
use crate::record::act::Act;
use crate::veth::wiring::Wiring;
use crate::wire::context::Context;
use crate::wire::unit::Unit;

/// What a run is to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To say what would be done.
    Look,
    /// To do each thing on its own.
    Each,
    /// To do all, or else to take all of it back.
    All,
}

/// One for each act.
pub(crate) struct Actors<'a> {
    moves: (job::Options<'a>, Endpoints<'a>),
    pairs: Wiring<'a>,
    kinds: Adding<'a>,
}

impl<'a> Actors<'a> {
    /// Those of a run.
    ///
    /// # Errors
    /// If our own network namespace cannot be opened again.
    pub(crate) fn new(context: &'a Context<'a>, mode: Mode, exact: bool) -> Result<Self> {
        let Context { args, namespaces, journals, interrupt } = context;
        let (dry_run, all_or_nothing) = (mode == Mode::Look, mode == Mode::All);
        // Links are waited for when all of them are there.
        let readiness = || Readiness::at_once(interrupt);
        let guard = Guard::new(args.force);
        let options = job::Options { guard, readiness: readiness(), dry_run, journals, namespaces, all_or_nothing };
        let endpoints = Endpoints::new(None, all_or_nothing, namespaces)?;
        let making = || making::Options { readiness: readiness(), dry_run, all_or_nothing, exact };
        Ok(Self {
            moves: (options, endpoints),
            pairs: Wiring::new(making(), namespaces),
            kinds: Adding::new(making(), namespaces),
        })
    }

    /// Does one thing, and writes it down in its records. What is made, moved or changed for a plan gets its mark.
    ///
    /// # Errors
    /// All is as it was.
    pub(crate) fn act(&mut self, unit: &Unit) -> Result<(Vec<Record>, Remainder)> {
        let mut records: Vec<Record> = unit.records.iter().map(|(_, record)| record.clone()).collect();
        let mut marks = records.iter().map(Mark::of).collect::<Result<Vec<_>>>()?.into_iter();
        let mut mark = || marks.next().flatten();
        let remainder = match (unit.act, &mut records[..]) {
            (Act::Link, [record]) => {
                let asked = Asked::by_record(record)?.for_plan(mark())?;
                change(record, &asked, &self.moves.0, &self.moves.1)?.1
            }
            (Act::Pair, ends) => self.pairs.wire_as_asked(ends.try_into().expect("two ends"), [mark(), mark()])?.into(),
            (Act::Kind, [record]) => self.kinds.add_as_asked(record, &Record::default(), mark())?,
            (Act::Link | Act::Kind, _) => unreachable!("one record, but for a pair"),
        };
        Ok((records, remainder))
    }
}
