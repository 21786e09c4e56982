//! Groups: consecutive records with the same `plan`, which are passed on together or not at all, unless they say `each`.

use nicon_core::filter::stream::Answers;
use nicon_core::{Error, Record, Result, Status};
use serde_json::Value;

use crate::cli::labels::LabelWish;

/// The output. The records of a group are held back until all are resolved, so that the next program does not act on the
/// first while the last may still fail.
pub(crate) struct Groups {
    answers: Answers,
    /// Whether nothing but PIDs is printed.
    pub(crate) of_pids: bool,
    pub(crate) labels: LabelWish,
    /// The plan whose group is being answered.
    plan: Option<String>,
    held: Vec<(Option<u64>, Record)>,
    /// The worst status of its failures, if any.
    failed: Option<Status>,
}

/// Which group a question belongs to.
#[derive(Clone)]
pub(crate) enum Group {
    /// None.
    None,
    /// That of the plan of this name.
    Of(String),
    /// The line cannot be parsed, so it is taken to belong to that of the line before.
    Unknown,
}

impl From<&Result<Record>> for Group {
    fn from(question: &Result<Record>) -> Self {
        let plan = |record: &Record| record.get("plan").filter(|_| record.get("each") != Some(&true.into())).cloned();
        match question.as_ref().map(plan) {
            Ok(None) => Self::None,
            Ok(Some(Value::String(name))) => Self::Of(name),
            Ok(Some(other)) => Self::Of(other.to_string()),
            Err(_) => Self::Unknown,
        }
    }
}

impl Groups {
    /// Begins a run.
    pub(crate) fn new(answers: Answers, of_pids: bool, labels: LabelWish) -> Self {
        Self { answers, of_pids, labels, plan: None, held: Vec::new(), failed: None }
    }

    /// Prints one answer, or holds it back if it belongs to a group.
    ///
    /// # Errors
    /// As [`Answers::give`].
    pub(crate) fn give(&mut self, line: Option<u64>, group: Group, answer: Result<Record>) -> Result<()> {
        let plan = match group {
            Group::None => None,
            Group::Of(name) => Some(name),
            Group::Unknown => self.plan.clone(),
        };
        if plan != self.plan {
            self.release()?;
            self.plan = plan;
        }
        match answer {
            Ok(record) if self.plan.is_some() => {
                self.held.push((line, record));
                Ok(())
            }
            answer => {
                self.failed = self.failed.max(answer.as_ref().err().map(Error::status));
                self.answers.give(line, answer)
            }
        }
    }

    /// Ends the run.
    ///
    /// # Errors
    /// As [`Answers::finish`].
    pub(crate) fn finish(mut self) -> Result<Status> {
        self.release()?;
        self.answers.finish()
    }

    /// Prints the records of the group or, if any failed, an error instead.
    fn release(&mut self) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        match (self.plan.take(), self.failed.take()) {
            (Some(plan), Some(status)) if !held.is_empty() => {
                let message = format!(
                    "{plan} is held back: only {} of its records could be resolved, so that nothing is done for it (all of its containers have to be there; nicon-plan --each treats each link on its own)",
                    held.len()
                );
                let error = Error::failed(message);
                self.answers.give(None, Err(if status == Status::No { error.as_no() } else { error }))
            }
            _ => held.into_iter().try_for_each(|(line, record)| self.answers.give(line, Ok(record))),
        }
    }
}
