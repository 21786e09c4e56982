//! The leader of a namespace: the process that stands for it.

use nicon_core::pidns::{self, Method};
use nicon_core::walk::Proc;
use nicon_core::{Error, NsType, Process, Record, Result, Status};

use crate::census::{Census, Tally};
use crate::holders::Holders;
use crate::known::Known;
use crate::oldest::{self, Oldest};
use crate::output;
use crate::scope::Scope;
use crate::wanted::Wanted;

/// How often leaders are looked for: the ones that were seen may have exited when they are to be pinned. Each time takes a
/// walk.
const WALKS: usize = 8;

/// Tells the leaders of namespaces in which `census` counted; `None` for one that nobody is in. With `empty`, one that
/// somebody keeps, or that only zombies are in, is told without a leader.
///
/// # Errors
/// Where /proc cannot be read.
pub(crate) fn answers(
    wanted: &[Wanted],
    census: &Census,
    holders: Option<&Holders>,
    empty: bool,
) -> Result<Vec<Option<Result<Record>>>> {
    let mut known = Known::default();
    let mut answers: Vec<_> = wanted.iter().map(|wanted| answer(wanted, census, holders, empty, &mut known)).collect();
    for _ in 1..WALKS {
        let left: Vec<_> = (0..wanted.len()).filter(|&at| matches!(answers[at], Answer::Gone)).collect();
        if left.is_empty() {
            break;
        }
        let census = Census::take(&Scope::only(left.iter().map(|&at| &wanted[at])))?;
        let mut known = Known::default();
        for at in left {
            answers[at] = answer(&wanted[at], &census, holders, empty, &mut known);
        }
    }
    let too_fast = |wanted: &Wanted| Error::failed(format!("the processes in {} come and go too fast", wanted.label));
    let told = wanted.iter().zip(answers).map(|(wanted, answer)| match answer {
        Answer::Told(record) => Some(record),
        Answer::Nobody => None,
        Answer::Gone => Some(Err(too_fast(wanted))),
    });
    Ok(told.collect())
}

enum Answer {
    /// The record, or why there is none.
    Told(Result<Record>),
    /// Nobody is in it.
    Nobody,
    /// The leader has exited since it was seen.
    Gone,
}

fn answer(wanted: &Wanted, census: &Census, holders: Option<&Holders>, empty: bool, known: &mut Known) -> Answer {
    let tally = census.tallies.get(&wanted.ino);
    let kept = holders.and_then(|holders| holders.ns_type(wanted.ino)).filter(|kept| wanted.types.contains(kept));
    let Some(ns_type) = tally.map(|tally| tally.ns_type).or(kept) else { return Answer::Nobody };
    let mut record = wanted.record.clone();
    output::name(&mut record, ns_type, wanted.ino);
    record.set("nprocs", tally.map_or(0, |tally| tally.nprocs));
    if let Some(holders) = holders {
        record.set("holders", holders.of(wanted.ino, tally.is_some()));
    }
    match tally.map_or(Ok(Lead::Zombies), |tally| lead(tally, wanted.ino, known)) {
        Ok(Lead::Process(description)) => output::tell(&mut record, description),
        Ok(Lead::Gone) => return Answer::Gone,
        Ok(Lead::Zombies) if empty => output::nobody(&mut record),
        Ok(Lead::Zombies) => return Answer::Nobody,
        Err(error) => return Answer::Told(Err(error)),
    }
    Answer::Told(Ok(record))
}

/// The leader of a namespace.
enum Lead<'a> {
    /// What is told of it.
    Process(&'a Record),
    /// It is no longer there, or in another namespace by now.
    Gone,
    /// Only processes that have ended are in it.
    Zombies,
}

fn lead<'a>(tally: &Tally, ino: u64, known: &'a mut Known) -> Result<Lead<'a>> {
    let proc = Proc::open()?;
    match oldest::of(&tally.eldest, &proc) {
        Some(oldest) => Ok(leader(oldest, tally.ns_type, ino, known)?.map_or(Lead::Gone, Lead::Process)),
        // Of all its namespaces a zombie keeps these two.
        None if matches!(tally.ns_type, NsType::Pid | NsType::User) && oldest::are_zombies(&tally.eldest, &proc) => {
            Ok(Lead::Zombies)
        }
        None => Ok(Lead::Gone),
    }
}

/// Describes the leader: PID 1 of a PID namespace, otherwise the process that started first. `None` where that one is no
/// longer there, or in another namespace by now.
///
/// # Errors
/// Where it may not be looked at.
fn leader(oldest: Oldest, ns_type: NsType, ino: u64, known: &mut Known) -> Result<Option<&Record>> {
    let Some(description) = known.at(oldest.pid)? else { return Ok(None) };
    let is_in = description.integers("ns")?.contains(&(ns_type.name(), ino));
    if !is_in || description.integer("starttime")? != Some(oldest.starttime) {
        return Ok(None);
    }
    match first_of_pidns(oldest.pid, ns_type, ino) {
        Some(first) => known.of(&first),
        None => known.at(oldest.pid),
    }
}

/// Pins a process that was seen in a namespace, and looks again: `None` where it is not, or no longer, in there.
///
/// # Errors
/// Where it cannot be pinned for another reason than that it is gone.
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

/// PID 1 of a member's PID namespace, where that is another process than the member itself. It is the one that started
/// first, but for processes of one tick of the clock.
fn first_of_pidns(pid: i32, ns_type: NsType, ino: u64) -> Option<Process> {
    if ns_type != NsType::Pid {
        return None;
    }
    // Whatever fails here, means that the member itself is the best answer: PID 1 has exited, or may not be looked at, or
    // the kernel is older than 6.11 and tells of no PIDs elsewhere.
    let member = member(pid, ns_type, ino).ok()??;
    if member.nspid().is_ok_and(|pids| pids.last() == Some(&1)) {
        return None;
    }
    let pidns = member.namespace(NsType::Pid).ok()?;
    let first = pidns::pin(&pidns, 1, Method::Ioctl).ok()?;
    let is_in = first.namespace_id(NsType::Pid).is_ok_and(|id| id.is_some_and(|id| id.ino == ino));
    is_in.then_some(first)
}
