//! The revisions of a plan: each time that its file says something else.

use nicon_core::Record;

use crate::plan::of_nothing;

/// What was printed last.
#[derive(Default)]
pub(crate) struct Revisions {
    count: u64,
    /// The records, without their revision.
    last: Vec<Record>,
}

impl Revisions {
    /// What is to be printed of these records: nothing if they say what the last ones said, and else all of them with their
    /// revision.
    ///
    /// A plan whose name the file does not have any more has a record that asks for nothing, so that what it asked for before goes. That
    /// comes first, since the plan of the new name may ask for the same.
    pub(crate) fn next(&mut self, name: &str, records: Vec<Record>) -> Vec<Record> {
        if records == self.last {
            return Vec::new();
        }
        self.count += 1;
        let before = self.last.first().map(|record| record.cell("plan")).filter(|before| before != name);
        let mut told: Vec<_> = before.iter().map(|before| of_nothing(before)).collect();
        told.extend(records.iter().cloned());
        self.last = records;
        for record in &mut told {
            record.set("plan_revision", self.count);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(revisions: &mut Revisions, plan: &str, targets: &[&str]) -> Vec<String> {
        let record = |target: &&str| Record::parse(&format!(r#"{{"target":"{target}","plan":"{plan}"}}"#)).unwrap();
        let records = targets.iter().map(record).collect();
        let short = |record: &Record| {
            format!("{} {} {}", record.cell("target"), record.cell("plan"), record.cell("plan_revision"))
        };
        revisions.next(plan, records).iter().map(short).collect()
    }

    #[test]
    fn a_revision_is_what_says_something_else() {
        let mut revisions = Revisions::default();
        assert_eq!(told(&mut revisions, "p", &["a", "b"]), ["a p 1", "b p 1"]);
        assert!(told(&mut revisions, "p", &["a", "b"]).is_empty());
        assert_eq!(told(&mut revisions, "p", &["b"]), ["b p 2"]);
        assert_eq!(told(&mut revisions, "q", &["b"]), ["host p 3", "b q 3"]);
        assert_eq!(told(&mut revisions, "q", &["a"]), ["a q 4"]);
    }
}
