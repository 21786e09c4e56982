//! The plans of a stream.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use nicon_core::{Error, Record, Result};

use super::plan::KeptPlan;
use crate::link::mark::check_plan;

/// Plans by name.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<String, KeptPlan>);

impl Table {
    /// Takes a record of a plan.
    ///
    /// # Errors
    /// If it does not say which record of which plan it is.
    pub(crate) fn take(&mut self, record: Record) -> Result<()> {
        let name = record.text("plan")?.ok_or_else(|| missing("plan"))?;
        check_plan(name)?;
        let number = |field: &str| record.integer::<u64>(field)?.ok_or_else(|| missing(field));
        let (item, size, revision) = (number("plan_item")?, number("plan_size")?, record.integer("plan_revision")?);
        if item > size {
            return Err(Error::failed(format!(
                "field \"plan_item\": the plan has {size} records, and this is number {item}"
            )));
        }
        let plan = match self.0.entry(name.to_owned()) {
            Entry::Vacant(free) => free.insert(KeptPlan::new(name)),
            Entry::Occupied(known) => known.into_mut(),
        };
        plan.take(revision, (item, size), record);
        Ok(())
    }

    /// All plans, at first those that ask for nothing any more: another one may ask for the same.
    pub(crate) fn plans(&mut self) -> impl Iterator<Item = &mut KeptPlan> {
        let mut plans: Vec<_> = self.0.values_mut().collect();
        plans.sort_by_key(|plan| !plan.asks_for_nothing());
        plans.into_iter()
    }

    /// What has not come whole, in words.
    pub(crate) fn incomplete(&self) -> impl Iterator<Item = Error> {
        self.0.values().filter_map(KeptPlan::lack)
    }

    /// Whether any of it is to be tried again.
    pub(crate) fn is_failing(&self) -> bool {
        self.0.values().any(KeptPlan::is_failing)
    }

    /// Whether any of it is waited for.
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.values().any(KeptPlan::is_awaited)
    }

    /// Whether any of it comes from a program that watches a plan.
    pub(crate) fn is_watched(&self) -> bool {
        self.0.values().any(KeptPlan::is_watched)
    }
}

fn missing(field: &str) -> Error {
    Error::failed(format!("the record is of a stream and has no \"{field}\": only a plan is kept wired (nicon-plan)"))
}
