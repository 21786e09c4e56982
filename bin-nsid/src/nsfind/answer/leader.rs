//! The leader of a namespace: PID 1 of a PID namespace, otherwise the process that started first.

use nicon_core::containers::Containers;
use nicon_core::pidns::{self, Method};
use nicon_core::walk::Proc;
use nicon_core::{Error, NsType, Process, Record, Result, Status};

use crate::answer::descriptions::Descriptions;
use crate::answer::output;
use crate::holding::holders::Holders;
use crate::question::query::Query;
use crate::walk::census::{Census, Tally};
use crate::walk::oldest::{self, Oldest};
use crate::walk::scope::Scope;

/// The most walks to find leaders: one that a walk has found may exit before it is pinned.
const WALKS: usize = 8;

/// The answers about namespaces, after a `census` of them; `None` for one without processes. With `empty`, a namespace
/// that has holders, or only zombies, gets an answer without a leader.
///
/// # Errors
/// If /proc cannot be read.
pub(crate) fn answers(
    wanted: &[Query],
    census: &Census,
    holders: Option<&Holders>,
    names: Option<&Containers>,
    empty: bool,
) -> Result<Vec<Option<Result<Record>>>> {
    let mut cache = Descriptions::new(names);
    let mut answers: Vec<_> = wanted.iter().map(|wanted| answer(wanted, census, holders, empty, &mut cache)).collect();
    for _ in 1..WALKS {
        let left: Vec<_> = (0..wanted.len()).filter(|&at| matches!(answers[at], Answer::Gone)).collect();
        if left.is_empty() {
            break;
        }
        let census = Census::take(&Scope::only(left.iter().map(|&at| &wanted[at])))?;
        let mut cache = Descriptions::new(names);
        for at in left {
            answers[at] = answer(&wanted[at], &census, holders, empty, &mut cache);
        }
    }
    let too_fast =
        |wanted: &Query| Error::failed(format!("the processes in namespace {} come and go too fast", wanted.label));
    let answers = wanted.iter().zip(answers).map(|(wanted, answer)| match answer {
        Answer::Known(record) => Some(record),
        Answer::Empty => None,
        Answer::Gone => Some(Err(too_fast(wanted))),
    });
    Ok(answers.collect())
}

enum Answer {
    /// The record, or why there is none.
    Known(Result<Record>),
    /// The namespace has no processes.
    Empty,
    /// The leader exited after the walk.
    Gone,
}

fn answer(
    wanted: &Query,
    census: &Census,
    holders: Option<&Holders>,
    empty: bool,
    cache: &mut Descriptions<'_>,
) -> Answer {
    let tally = census.tallies.get(&wanted.ino);
    let held = holders.and_then(|holders| holders.ns_type(wanted.ino)).filter(|held| wanted.types.contains(held));
    let Some(ns_type) = tally.map(|tally| tally.ns_type).or(held) else { return Answer::Empty };
    let mut record = wanted.record.clone();
    output::name(&mut record, ns_type, wanted.ino);
    record.set("nprocs", tally.map_or(0, |tally| tally.nprocs));
    match tally.map_or(Ok(Leader::None), |tally| leader(tally, wanted.ino, cache)) {
        Ok(Leader::Process(description)) => output::set_process(&mut record, description),
        Ok(Leader::Gone) => return Answer::Gone,
        Ok(Leader::None) if empty => output::remove_process(&mut record),
        Ok(Leader::None) => return Answer::Empty,
        Err(error) => return Answer::Known(Err(error)),
    }
    Answer::Known(Ok(record))
}

/// The leader of a namespace.
enum Leader<'a> {
    /// Its description.
    Process(&'a Record),
    /// It has exited, or changed its namespace, since the walk.
    Gone,
    /// The namespace has no processes, or only zombies.
    None,
}

fn leader<'a>(tally: &Tally, ino: u64, cache: &'a mut Descriptions<'_>) -> Result<Leader<'a>> {
    let proc = Proc::open()?;
    match oldest::of(&tally.candidates, &proc) {
        Some(oldest) => Ok(describe(oldest, tally.ns_type, ino, cache)?.map_or(Leader::Gone, Leader::Process)),
        // A zombie stays in these two of its namespaces only.
        None if matches!(tally.ns_type, NsType::Pid | NsType::User)
            && oldest::are_zombies(&tally.candidates, &proc) =>
        {
            Ok(Leader::None)
        }
        None => Ok(Leader::Gone),
    }
}

/// Describes the leader, given the oldest process of a namespace. `None` if that has exited or left the namespace.
///
/// # Errors
/// If it may not be inspected.
fn describe<'a>(
    oldest: Oldest,
    ns_type: NsType,
    ino: u64,
    cache: &'a mut Descriptions<'_>,
) -> Result<Option<&'a Record>> {
    let Some(description) = cache.at(oldest.pid)? else { return Ok(None) };
    let is_in = description.integers("ns")?.contains(&(ns_type.name(), ino));
    if !is_in || description.integer("starttime")? != Some(oldest.starttime) {
        return Ok(None);
    }
    match first_of_pidns(oldest.pid, ns_type, ino) {
        Some(first) => cache.of(&first),
        None => cache.at(oldest.pid),
    }
}

/// Pins a process that a walk found in a namespace, and checks again: `None` if it has exited or left the namespace.
///
/// # Errors
/// If it may not be inspected.
pub(crate) fn member(pid: i32, ns_type: NsType, ino: u64) -> Result<Option<Process>> {
    let process = match Process::pin(pid) {
        Ok(process) => process,
        Err(error) if error.status() == Status::No => return Ok(None),
        Err(error) => return Err(error),
    };
    match process.namespace_id(ns_type) {
        Ok(id) => Ok(id.is_some_and(|id| id.ino == ino).then_some(process)),
        Err(error) if error.status() == Status::No => Ok(None),
        Err(error) => Err(error),
    }
}

/// PID 1 of a member's PID namespace, if that is not the member itself. They differ only if both started within one tick
/// of the clock.
fn first_of_pidns(pid: i32, ns_type: NsType, ino: u64) -> Option<Process> {
    if ns_type != NsType::Pid {
        return None;
    }
    // After any failure the member itself is the best answer: PID 1 has exited, or may not be inspected, or the kernel is
    // older than 6.11 and cannot translate PIDs.
    let member = member(pid, ns_type, ino).ok()??;
    if member.nspid().is_ok_and(|pids| pids.last() == Some(&1)) {
        return None;
    }
    let pidns = member.namespace(NsType::Pid).ok()?;
    let first = pidns::pin(&pidns, 1, Method::Ioctl).ok()?;
    let is_in = first.namespace_id(NsType::Pid).is_ok_and(|id| id.is_some_and(|id| id.ino == ino));
    is_in.then_some(first)
}
