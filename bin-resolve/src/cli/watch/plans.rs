//! The revisions of plans: the records of a newer one take the place of all that the older one asked for.

use std::collections::HashMap;

use nicon_core::{Error, Record, Result};

/// The fields with the name of a plan, how many records it has, and which revision of it they are from.
const PLAN: &str = "plan";
const SIZE: &str = "plan_size";
const REVISION: &str = "plan_revision";

/// The plans that come from streams.
#[derive(Default)]
pub(crate) struct Plans(HashMap<String, Plan>);

#[derive(Default)]
struct Plan {
    revision: u64,
    /// The questions of this revision, and those of the ones before, until this one is whole.
    questions: Vec<usize>,
    replaced: Vec<usize>,
    /// How many records of this revision have come.
    come: usize,
}

impl Plans {
    /// Whether any plan does.
    pub(crate) fn come_from_a_stream(&self) -> bool {
        !self.0.is_empty()
    }

    /// Counts a record, and the `question` that it has become, if it has. Returns the questions that nobody asks any more, and those
    /// of which nothing more is to be told.
    ///
    /// # Errors
    /// If the fields of a plan are not what they are to be.
    pub(crate) fn take(&mut self, record: &Record, question: Option<usize>) -> Result<Replaced> {
        let mut done = Replaced::default();
        let (Some(name), Some(revision)) = (record.text(PLAN)?, record.integer::<u64>(REVISION)?) else {
            return Ok(done);
        };
        let size = record.integer::<usize>(SIZE)?;
        let size = size.ok_or_else(|| Error::failed(format!("the record has a \"{REVISION}\", but no \"{SIZE}\"")))?;
        let plan = self.0.entry(name.to_owned()).or_default();
        if revision > plan.revision {
            done.silenced.clone_from(&plan.questions);
            plan.replaced.append(&mut plan.questions);
            (plan.revision, plan.come) = (revision, 0);
        }
        plan.questions.extend(question);
        plan.come += usize::from(size > 0);
        if plan.come >= size {
            done.dropped = std::mem::take(&mut plan.replaced);
        }
        Ok(done)
    }

    /// Whether a record says that a plan asks for nothing any more.
    pub(crate) fn is_empty_revision(record: &Record) -> bool {
        record.get(REVISION).is_some() && record.integer::<usize>(SIZE).is_ok_and(|size| size == Some(0))
    }
}

/// The questions of older revisions.
#[derive(Default)]
pub(crate) struct Replaced {
    /// Of these, nothing more is to be told.
    pub(crate) silenced: Vec<usize>,
    /// These are not asked any more.
    pub(crate) dropped: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_revision_takes_the_place_of_the_older_one() {
        let mut plans = Plans::default();
        let mut take = |revision: u64, size: usize, question: Option<usize>| {
            let record = format!(r#"{{"plan":"lab","plan_size":{size},"plan_revision":{revision}}}"#);
            let Replaced { silenced, dropped } = plans.take(&Record::parse(&record).unwrap(), question).unwrap();
            (silenced, dropped)
        };
        assert_eq!(take(1, 2, Some(1)), (vec![], vec![]));
        assert_eq!(take(1, 2, Some(2)), (vec![], vec![]));
        assert_eq!(take(2, 2, Some(3)), (vec![1, 2], vec![]), "the old ones are kept until the new ones are all there");
        assert_eq!(take(2, 2, None), (vec![], vec![1, 2]), "one that cannot be asked counts, too");
        assert_eq!(take(3, 0, None), (vec![3], vec![3]));
    }
}
