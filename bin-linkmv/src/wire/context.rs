//! What all parts of a run work with.

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::{Error, Result};

use crate::link::journal::{Journal, Journals};
use crate::link::namespaces::Namespaces;
use crate::link::wait_ready::Readiness;
use crate::record::program::WIRE;
use crate::wire::args::Args;

/// What all parts of a run work with.
pub(crate) struct Context<'a> {
    pub(crate) args: &'a Args,
    pub(crate) namespaces: &'a Namespaces,
    pub(crate) journals: Journals<'a>,
    pub(crate) interrupt: &'a Interrupt,
}

impl<'a> Context<'a> {
    /// # Errors
    /// If the directory of journals could be another user's.
    pub(crate) fn new(args: &'a Args, namespaces: &'a Namespaces, interrupt: &'a Interrupt) -> Result<Self> {
        let journals = if args.check {
            Journals::read_only(WIRE, interrupt)?
        } else {
            Journals::open(WIRE, args.wait.unwrap_or_default(), interrupt)?
        };
        Ok(Self { args, namespaces, journals, interrupt })
    }

    /// When the links of a plan are taken to be ready.
    pub(crate) fn readiness(&self) -> Readiness<'a> {
        Readiness { wait: self.args.wait, announce: self.args.announce, interrupt: self.interrupt }
    }

    /// Holds plans for as long as the result lives: another run that changes one of them waits.
    ///
    /// # Errors
    /// If another run holds one for too long, or keeps it.
    pub(crate) fn hold(&self, plans: &[&str]) -> Result<Vec<Journal>> {
        for plan in plans {
            if let Some(holder) = self.journals.locked_by(plan)? {
                return Err(Error::failed(format!("{holder} keeps plan {plan} wired (end it first)")));
            }
        }
        // In the order of their names, so that no two runs wait for each other.
        plans.iter().map(|plan| self.hold_one(plan)).collect()
    }

    /// Keeps a plan for as long as the result lives: another run that would change it, or keep it, says that it cannot.
    ///
    /// # Errors
    /// If another run keeps it, or holds it for too long.
    pub(crate) fn keep(&self, plan: &str) -> Result<Vec<Journal>> {
        let locked = self.journals.lock_plan(plan).map_err(|error| error.prefix(format!("keep plan {plan} wired")))?;
        Ok(vec![locked, self.hold_one(plan)?])
    }

    fn hold_one(&self, plan: &str) -> Result<Journal> {
        self.journals.of(&format!("plan.{plan}"))
    }
}
