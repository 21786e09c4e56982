//! The records of a run, sorted by what they ask for.

use std::collections::BTreeMap;

use nicon_core::machine::Machine;
use nicon_core::{Error, Record, Result};

use crate::link::mark::check_plan;
use crate::record::act::Act;
use crate::record::passing::is_passed_over;
use crate::wire::order::in_order;
use crate::wire::read::Row;
use crate::wire::unit::{Unit, is_each};

/// What cannot be done: its line, the record if it could be read, and why.
pub(crate) type Fault = (u64, Option<Record>, Error);

/// All that was read.
#[derive(Default)]
pub(crate) struct Input {
    pub(crate) units: Vec<Unit>,
    /// Records that ask for nothing, or that no program may act on, with the numbers of their lines.
    pub(crate) others: Vec<(u64, Record)>,
    /// What cannot be done.
    pub(crate) faults: Vec<Fault>,
    /// Ends of pairs whose others did not come, of plans whose links are each for themselves: who looked for their containers has told why.
    pub(crate) halves: Vec<Fault>,
    /// The plans that the records belong to.
    pub(crate) plans: BTreeMap<String, Plan>,
}

/// What is known of a plan.
#[derive(Default)]
pub(crate) struct Plan {
    /// How many records came.
    pub(crate) came: usize,
    /// How many of these are passed over: an earlier program has failed them, so that nothing is known of their links.
    pub(crate) failed: usize,
    /// How many it has, if they say so.
    pub(crate) size: Option<usize>,
    /// Whether each is treated on its own, so that some may be missing.
    pub(crate) each: bool,
}

impl Plan {
    /// Whether it is known of all of its links that they are asked for.
    fn is_whole(&self) -> bool {
        self.failed == 0 && self.size.map_or(!self.each, |size| size == self.came)
    }
}

impl Input {
    /// Sorts what was read.
    pub(crate) fn of(rows: impl IntoIterator<Item = Row>) -> Self {
        let (mut input, mut ends) = (Self::default(), BTreeMap::<String, (u64, Record)>::new());
        for Row { number, record } in rows {
            match record {
                Ok(record) => {
                    if let Err(error) = input.take(number, record.clone(), &mut ends) {
                        input.faults.push((number, Some(record), error));
                    }
                }
                Err(error) => input.faults.push((number, None, error)),
            }
        }
        for (pair, (number, record)) in ends {
            let error = Error::no(format!("pair \"{pair}\" has no other end: is its container there?"));
            let plan = record.text("plan").ok().flatten().and_then(|plan| input.plans.get(plan));
            let is_told = plan.is_some_and(|plan| plan.each && plan.size.is_some_and(|size| size > plan.came));
            let faults = if is_told { &mut input.halves } else { &mut input.faults };
            faults.push((number, Some(record), error));
        }
        input.units = in_order(input.units);
        input
    }

    fn take(&mut self, number: u64, record: Record, ends: &mut BTreeMap<String, (u64, Record)>) -> Result<()> {
        // A plan of the same name may be here as well.
        Machine::this()?.check(&record)?;
        if let Some(plan) = record.text("plan")? {
            check_plan(plan)?;
            let known = self.plans.entry(plan.to_owned()).or_default();
            known.size = record.integer("plan_size")?.or(known.size);
            if known.size == Some(0) {
                return Ok(());
            }
            known.came += 1;
            known.failed += usize::from(is_passed_over(&record));
            known.each |= is_each(&record);
        }
        let act = if is_passed_over(&record) { None } else { Act::of(&record)? };
        let Some(act) = act else {
            self.others.push((number, record));
            return Ok(());
        };
        let mut records = vec![(number, record)];
        if act == Act::Pair {
            let pair = records[0].1.text("pair")?.unwrap_or_default().to_owned();
            let Some(first) = ends.remove(&pair) else {
                ends.extend(records.pop().map(|end| (pair, end)));
                return Ok(());
            };
            records.insert(0, first);
        }
        self.units.push(Unit { act, records });
        Ok(())
    }

    /// Makes sure that all records of each plan have come.
    ///
    /// # Errors
    /// If some are missing.
    pub(crate) fn check_whole(&self) -> Result<()> {
        for (name, plan) in self.plans.iter().filter(|(_, plan)| !plan.each) {
            if let Some(size) = plan.size.filter(|size| *size != plan.came) {
                let came = plan.came;
                return Err(Error::failed(format!(
                    "plan {name} has {size} records, of which {came} came: nothing is done (nicon-plan --each treats each link on its own)"
                )));
            }
        }
        Ok(())
    }

    /// Makes sure that the records are of whole plans: else nobody knows what these do not ask for any more.
    ///
    /// # Errors
    /// If some may be missing.
    pub(crate) fn check_prunable(&self) -> Result<()> {
        if self.is_each() {
            return Err(Error::failed(
                "--prune wants the whole plan: a link of a container that does not run is not surplus (leave out nicon-plan's --each)",
            ));
        }
        if let Some((name, _)) = self.plans.iter().find(|(_, plan)| plan.failed > 0) {
            return Err(Error::failed(format!(
                "--prune wants the whole plan: an earlier program has failed a record of plan {name}, whose link is not surplus"
            )));
        }
        self.check_whole()
    }

    /// The names of the plans of which all is known: no record is missing, and none was left out for a fault.
    pub(crate) fn whole_plans(&self) -> Vec<String> {
        let whole = self.plans.iter().filter(|(_, plan)| plan.is_whole() && self.faults.is_empty());
        whole.map(|(name, _)| name.clone()).collect()
    }

    /// Whether each link is treated on its own.
    pub(crate) fn is_each(&self) -> bool {
        self.plans.values().any(|plan| plan.each)
    }

    /// The records that ask for something.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.units.iter().flat_map(|unit| &unit.records).map(|(_, record)| record)
    }

    /// Whether all that is asked for belongs to a plan: then what a plan does not ask for any more of a link goes.
    pub(crate) fn is_planned(&self) -> bool {
        self.units.iter().all(Unit::is_planned)
    }

    /// The lines of which it is not known what plan they belong to.
    pub(crate) fn unread(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(|(_, record, _)| {
            let Some(record) = record else { return true };
            let plan = record.get("plan").filter(|plan| !plan.is_null());
            plan.is_some_and(|plan| plan.as_str().is_none_or(|plan| !self.plans.contains_key(plan)))
        })
    }

    /// Whether anything is said of links, be it that a plan has none.
    pub(crate) fn is_meant(&self) -> bool {
        !self.units.is_empty() || !self.halves.is_empty() || self.plans.values().any(|plan| plan.size == Some(0))
    }

    /// The names of the plans.
    ///
    /// # Errors
    /// If no record has one.
    pub(crate) fn plan_names(&self) -> Result<Vec<&str>> {
        if self.plans.is_empty() {
            if self.units.is_empty() && self.others.is_empty() && self.faults.is_empty() {
                return Err(Error::no("no record on standard input: nothing to do"));
            }
            if let Some((line, _, fault)) = self.unread().next() {
                return Err(fault.clone().prefix(format!("line {line}")));
            }
            return Err(Error::failed("no record on standard input has a \"plan\": pipe in what nicon-plan prints"));
        }
        Ok(self.plans.keys().map(String::as_str).collect())
    }
}
