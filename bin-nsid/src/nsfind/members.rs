//! The processes of a namespace, told as they are found.

use std::ops::ControlFlow;

use nicon_core::stream::Answers;
use nicon_core::walk::walk;
use nicon_core::{NsType, Process, Result, Status};

use crate::census::Census;
use crate::leader;
use crate::names::Names;
use crate::output;
use crate::scope::Scope;
use crate::wanted::Wanted;

/// How many are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Many {
    /// Each one.
    All,
    /// Any one of each namespace.
    First,
}

/// A process that was told, and the type of the namespace that it was found in.
pub(crate) type Told = (NsType, i32);

/// Walks once and gives the members of what is wanted. Returns what the walk could not look at, and for each of the wanted
/// the last member that was told.
///
/// # Errors
/// Where /proc cannot be read or standard output fails.
pub(crate) fn give(
    wanted: &[Wanted],
    many: Many,
    names: &Names,
    answers: &mut Answers,
) -> Result<(Census, Vec<Option<Told>>)> {
    let mut scope = Scope::only(wanted);
    let mut census = Census::default();
    let mut found = vec![None; wanted.len()];
    let mut met = Vec::new();
    walk(|seen| {
        met.clear();
        let looked = seen.namespaces(scope.reading(), |ns_type, ino| {
            if scope.covers(ns_type, ino) {
                met.push((ns_type, ino));
            }
        });
        census.note(seen.pid(), looked)?;
        for &(ns_type, ino) in &met {
            scope.settle(ns_type, ino);
            let process = match leader::member(seen.pid(), ns_type, ino) {
                Ok(Some(process)) => process,
                Ok(None) => continue,
                Err(error) => {
                    answers.give(None, Err(error))?;
                    continue;
                }
            };
            let mut told = false;
            for (wanted, found) in wanted.iter().zip(&mut found).filter(|(wanted, _)| wanted.ino == ino) {
                if tell(wanted, &process, ns_type, names, answers)? {
                    *found = Some((ns_type, seen.pid()));
                    told = true;
                }
            }
            if told && many == Many::First {
                scope.strike(ino);
            }
        }
        Ok(if scope.is_done() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok((census, found))
}

/// Gives the record of a member; nothing where it exits meanwhile.
fn tell(wanted: &Wanted, process: &Process, ns_type: NsType, names: &Names, answers: &mut Answers) -> Result<bool> {
    let mut record = wanted.record.clone();
    output::name(&mut record, ns_type, wanted.ino);
    match output::describe(process) {
        Ok(description) => {
            output::tell(&mut record, &description);
            names.add_to(&mut record);
            answers.give(wanted.line, Ok(record)).map(|()| true)
        }
        Err(error) if error.status() == Status::No => Ok(false),
        Err(error) => answers.give(wanted.line, Err(error)).map(|()| false),
    }
}
