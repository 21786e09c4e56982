//! The replies: records that say which kernel they are about, and messages about what was not looked at.

use std::collections::BTreeSet;

use nicon_core::filter::stream::Answers;
use nicon_core::machine::Machine;
use nicon_core::{Error, NsType, Process, Record, Result, Status, proc};

use crate::answer::bound::Bound;
use crate::answer::output;
use crate::holding::search::{self, Found};
use crate::question::args::Args;
use crate::question::query::Query;
use crate::walk::census::Census;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-nsfind";

/// The answers of a run.
pub(crate) struct Replies {
    pub(crate) answers: Answers,
    /// Device number of nsfs.
    pub(crate) nsdev: u64,
}

impl Replies {
    /// None yet.
    ///
    /// # Errors
    /// If standard output was closed.
    pub(crate) fn new(args: &Args) -> Result<Self> {
        let nsdev = Process::myself()?.namespace_id(NsType::Mnt)?.map_or(0, |id| id.dev);
        Ok(Self { answers: Answers::new(PROGRAM, output::view(args))?, nsdev })
    }

    /// Gives an answer. The fields that say which kernel it is about are set here, since a namespace without a process has none to
    /// get them from.
    ///
    /// # Errors
    /// If standard output fails.
    pub(crate) fn give(&mut self, line: Option<u64>, answer: Result<Record>) -> Result<()> {
        let machine = Machine::this()?;
        let answer = answer.map(|mut record| {
            record.set("nsdev", self.nsdev);
            machine.write_to(&mut record);
            record
        });
        self.answers.give(line, answer)
    }

    /// Says that something is missing.
    ///
    /// # Errors
    /// If standard output fails.
    pub(crate) fn complain(&mut self, complaint: Option<Error>) -> Result<()> {
        complaint.map_or(Ok(()), |error| self.answers.give(None, Err(error)))
    }

    /// Says what a search has not seen.
    ///
    /// # Errors
    /// If standard output fails.
    pub(crate) fn complain_of(&mut self, census: &Census, search: Searched) -> Result<()> {
        let found = search.found;
        let denied: BTreeSet<i32> = census.denied.iter().copied().chain(found.denied).collect();
        self.complain(proc::complaint(&Vec::from_iter(denied)))?;
        self.complain(found.sockets)?;
        self.complain(found.mounted)?;
        self.complain(found.in_flight)?;
        self.complain(found.ancestry.complaint())
    }

    /// Ends the run.
    ///
    /// # Errors
    /// If standard output fails.
    pub(crate) fn finish(self) -> Result<Status> {
        self.answers.finish()
    }
}

/// A search for what keeps namespaces, besides the walk that counts processes.
pub(crate) struct Searched {
    pub(crate) found: Found,
    bound: Bound,
}

impl Searched {
    /// Searches.
    ///
    /// # Errors
    /// If /proc cannot be read.
    pub(crate) fn now(types: &[NsType]) -> Result<Self> {
        Ok(Self { found: search::find(types)?, bound: Bound::read()? })
    }

    /// Adds what was found of a namespace to the answer about it. Returns what is to be told of holders that are left out.
    pub(crate) fn describe(&self, record: &mut Record, wanted: &Query, with_holders: bool) -> Option<Error> {
        let ino = wanted.ino;
        let name = record.text("nstype").ok().flatten().map(str::to_owned);
        if let (Some(name), Some(relations)) = (name, self.found.ancestry.of(ino)) {
            let mut tree = Record::default();
            tree.set(&name, relations.record());
            record.set("nstree", tree);
        }
        if let Some(number) = self.found.ancestry.number(ino) {
            record.set("netnsid", number);
        }
        if let Some(path) = self.bound.path(ino) {
            record.set("nspath", path);
        }
        if !with_holders {
            return None;
        }
        let has_processes = record.integer("nprocs").ok().flatten() != Some(0_u64);
        record.set("holders", self.found.holders.of(ino, has_processes));
        self.found.holders.complaint(ino, has_processes)
    }
}
