//! A plan that is kept wired: what its records say, and how far each of its units is.

use std::collections::{BTreeMap, BTreeSet};

use nicon_core::{Error, Record, Status};

use super::told::Told;
use crate::link::journal::Journal;
use crate::link::namespaces::Namespaces;
use crate::record::failed::FAILED;
use crate::wire::input::Input;
use crate::wire::read::Row;
use crate::wire::unit::Unit;
use crate::wire::usable::Awaited;

/// A plan.
#[derive(Default)]
pub(crate) struct KeptPlan {
    pub(crate) name: String,
    revision: Option<u64>,
    /// How many records the revision has.
    size: u64,
    /// The numbers of those that have come.
    came: BTreeSet<u64>,
    /// Those that have come since the last pass, by their numbers.
    news: BTreeMap<u64, Record>,
    /// In the order in which they are carried out; `None` until the revision has come whole.
    units: Option<Vec<KeptUnit>>,
    /// Whether what the revision does not ask for is gone.
    pub(crate) is_pruned: bool,
    /// Whether some of that may have been spared, since nobody could say whether containers were there.
    pub(crate) is_pruned_vaguely: bool,
    /// Its locks, once it has them.
    pub(crate) held: Vec<Journal>,
    /// What was told about it as a whole.
    pub(crate) told: Told,
}

/// A unit of a plan.
pub(crate) struct KeptUnit {
    /// With the newest records, and their numbers in the plan.
    pub(crate) unit: Unit,
    /// Whether any of its records is new.
    pub(crate) is_due: bool,
    /// Whether it failed when it was tried last, or is not usable in time.
    pub(crate) has_failed: bool,
    /// What is done and was not usable yet.
    pub(crate) awaited: Option<Awaited>,
    pub(crate) told: Told,
}

impl KeptPlan {
    /// One of which nothing has come yet.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Takes a record, by its number in the plan. A plan that asks for nothing has one of number 0. One of an old revision is late,
    /// and says nothing any more.
    pub(crate) fn take(&mut self, revision: Option<u64>, (item, size): (u64, u64), record: Record) {
        if revision < self.revision {
            return;
        }
        if revision > self.revision || size != self.size {
            (self.revision, self.size, self.units) = (revision, size, None);
            (self.is_pruned, self.is_pruned_vaguely) = (false, false);
            self.came.clear();
            self.news.clear();
        }
        if item > 0 {
            self.came.insert(item);
            self.news.insert(item, record);
        }
    }

    /// What is missing of its revision, in words.
    pub(crate) fn lack(&self) -> Option<Error> {
        let (name, size, came) = (&self.name, self.size, self.came.len());
        let error = || Error::failed(format!("plan {name} has {size} records, of which {came} came: nothing was done"));
        (came as u64 != size).then(error)
    }

    /// Whether its newest revision has no links.
    pub(crate) fn asks_for_nothing(&self) -> bool {
        self.size == 0
    }

    /// Whether a program that watches its file has sent it.
    pub(crate) fn is_watched(&self) -> bool {
        self.revision.is_some()
    }

    /// Whether nothing of its revision was done yet.
    pub(crate) fn is_new(&self) -> bool {
        self.units.is_none()
    }

    /// Whether there is anything to do, for the first time or again.
    pub(crate) fn has_work(&self) -> bool {
        self.is_failing() || !self.news.is_empty()
    }

    /// Whether any of it is to be tried again, or for the first time: all of it, what is to go, or a unit.
    pub(crate) fn is_failing(&self) -> bool {
        let is_open = self.is_new() || !self.is_pruned || self.units.iter().flatten().any(|kept| kept.has_failed);
        is_open && self.lack().is_none()
    }

    /// Those of its units that are not usable yet, or were not in time.
    pub(crate) fn awaited(&mut self) -> impl Iterator<Item = &mut KeptUnit> {
        self.units.iter_mut().flatten().filter(|kept| kept.awaited.is_some())
    }

    /// Whether any of it is waited for.
    pub(crate) fn is_awaited(&self) -> bool {
        self.units.iter().flatten().any(|kept| kept.awaited.is_some() && !kept.has_failed)
    }

    /// Its units, in their order, with the newest records. Those of a new revision are all due, and what cannot be done of it is
    /// returned with the numbers of the records.
    pub(crate) fn units(&mut self) -> (&mut [KeptUnit], Vec<(u64, Error)>) {
        let mut faults = Vec::new();
        let units = self.units.get_or_insert_with(|| {
            let input = Input::of(self.news.iter().map(|(number, record)| as_present(*number, record)));
            faults.extend(input.faults.into_iter().map(|(number, _, error)| (number, error)));
            input.units.into_iter().map(KeptUnit::from).collect()
        });
        let news = std::mem::take(&mut self.news);
        for kept in &mut *units {
            for (number, record) in &mut kept.unit.records {
                if let Some(newest) = news.get(number) {
                    *record = newest.clone();
                    kept.is_due = true;
                }
            }
        }
        (units, faults)
    }
}

/// A record as if its container were there: those that are not there now are units, too.
fn as_present(number: u64, record: &Record) -> Row {
    let mut record = record.clone();
    record.remove_all(&["event", FAILED]);
    Row { number, record: Ok(record) }
}

impl KeptUnit {
    /// Whether it is to be tried now.
    pub(crate) fn is_to_be_tried(&self) -> bool {
        self.is_due || self.has_failed
    }

    /// Whether a process of it has ended, which is told by what finds containers.
    pub(crate) fn has_ended(&self, namespaces: &Namespaces) -> bool {
        let is_gone = |error: Error| error.status() == Status::No;
        self.unit.records.iter().any(|(_, record)| namespaces.of_record(record).is_err_and(is_gone))
    }
}

impl From<Unit> for KeptUnit {
    fn from(unit: Unit) -> Self {
        Self { unit, is_due: true, has_failed: false, awaited: None, told: Told::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: &str) -> Record {
        Record::parse(line).unwrap()
    }

    fn due(plan: &mut KeptPlan) -> Vec<bool> {
        let (units, faults) = plan.units();
        assert!(faults.is_empty());
        units.iter_mut().map(|unit| std::mem::take(&mut unit.is_due)).collect()
    }

    #[test]
    fn what_has_news_is_due() {
        let mut plan = KeptPlan::default();
        let [bridge, first, second] = [
            r#"{"target":"a","kind":"bridge","name":"br0","event":"gone"}"#,
            r#"{"target":"a","pair":"p","name":"x","event":"present"}"#,
            r#"{"target":"b","pair":"p","name":"y","event":"present"}"#,
        ]
        .map(record);
        plan.take(Some(1), (1, 3), bridge.clone());
        plan.take(Some(1), (2, 3), first.clone());
        assert!(plan.lack().is_some());
        plan.take(Some(1), (3, 3), second.clone());
        assert!(plan.lack().is_none() && plan.is_watched());
        assert_eq!(due(&mut plan), [true, true]);
        assert_eq!(due(&mut plan), [false, false]);
        plan.take(Some(1), (3, 3), second.clone());
        assert_eq!(due(&mut plan), [false, true]);
        // A new revision replaces all of the old one, and what is late of that is nothing.
        plan.take(Some(2), (1, 2), first);
        plan.take(Some(1), (1, 3), bridge);
        assert!(plan.lack().is_some());
        plan.take(Some(2), (2, 2), second);
        assert_eq!(due(&mut plan), [true]);
        plan.take(Some(3), (0, 0), record("{}"));
        assert!(plan.lack().is_none() && due(&mut plan).is_empty());
    }
}
