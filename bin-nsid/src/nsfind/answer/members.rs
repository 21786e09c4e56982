//! The processes of a namespace, printed as they are found.

use std::ops::ControlFlow;

use nicon_core::containers::Containers;
use nicon_core::filter::stream::Answers;
use nicon_core::walk::walk;
use nicon_core::{NsType, Process, Result, Status};

use crate::answer::leader;
use crate::answer::output;
use crate::question::query::Query;
use crate::walk::census::Census;
use crate::walk::scope::Scope;

/// How many members of each namespace are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Many {
    /// All of them.
    All,
    /// Any one.
    First,
}

/// The type of a namespace, and the PID of a process that was found in it.
pub(crate) type Member = (NsType, i32);

/// Walks once and prints the members of the namespaces. Returns a census that lists the processes that could not be
/// inspected, and for each namespace the last member that was printed.
///
/// # Errors
/// If /proc cannot be read, or standard output fails.
pub(crate) fn print(
    wanted: &[Query],
    many: Many,
    names: Option<&Containers>,
    answers: &mut Answers,
) -> Result<(Census, Vec<Option<Member>>)> {
    let mut scope = Scope::only(wanted);
    let mut census = Census::default();
    let mut printed = vec![None; wanted.len()];
    let mut found = Vec::new();
    walk(|entry| {
        found.clear();
        let result = entry.namespaces(scope.reading(), |ns_type, ino| {
            if scope.covers(ns_type, ino) {
                found.push((ns_type, ino));
            }
        });
        census.note(entry.pid(), result)?;
        for &(ns_type, ino) in &found {
            scope.narrow(ns_type, ino);
            let process = match leader::member(entry.pid(), ns_type, ino) {
                Ok(Some(process)) => process,
                Ok(None) => continue,
                Err(error) => {
                    answers.give(None, Err(error))?;
                    continue;
                }
            };
            let mut is_printed = false;
            for (wanted, printed) in wanted.iter().zip(&mut printed).filter(|(wanted, _)| wanted.ino == ino) {
                if print_member(wanted, &process, ns_type, names, answers)? {
                    *printed = Some((ns_type, entry.pid()));
                    is_printed = true;
                }
            }
            if is_printed && many == Many::First {
                scope.remove(ino);
            }
        }
        Ok(if scope.is_done() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok((census, printed))
}

/// Prints the record of a member. Returns whether it did: not if the process has exited.
fn print_member(
    wanted: &Query,
    process: &Process,
    ns_type: NsType,
    names: Option<&Containers>,
    answers: &mut Answers,
) -> Result<bool> {
    let mut record = wanted.record.clone();
    output::name(&mut record, ns_type, wanted.ino);
    match output::describe(process, names) {
        Ok(description) => {
            output::set_process(&mut record, &description);
            answers.give(wanted.line, Ok(record)).map(|()| true)
        }
        Err(error) if error.status() == Status::No => Ok(false),
        Err(error) => answers.give(wanted.line, Err(error)).map(|()| false),
    }
}
