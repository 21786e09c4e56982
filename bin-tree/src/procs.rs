//! The processes of each container, as trees.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use nicon_core::walk::walk;
use nicon_core::{NsType, Process, Result, container};
use nix::errno::Errno;

use crate::nest::Nest;
use crate::view::View;

/// A process of a container.
#[derive(Debug)]
pub(crate) struct Proc {
    pub(crate) pid: i32,
    /// Its PID in its own PID namespace.
    pub(crate) inner: Option<i32>,
    /// The kernel's name for it, and its command line.
    pub(crate) name: String,
    pub(crate) command: String,
    /// How far below the first process it is.
    pub(crate) depth: usize,
}

/// The processes of all nodes, and how many may not be looked at.
pub(crate) struct Procs {
    /// For each node: its processes, each behind its parent.
    pub(crate) of: Vec<Vec<Proc>>,
    pub(crate) denied: usize,
}

/// Finds the processes of each node that is still there.
///
/// They are those in its PID namespace. Where it has that in common with others, its control group tells which are its own;
/// those of what is no container are the ones below its process.
///
/// # Errors
/// Where /proc cannot be read.
pub(crate) fn find(nest: &Nest, views: &[View]) -> Result<Procs> {
    let own = Process::myself()?.namespace(NsType::Pid)?.id().ino;
    let (all, denied) = census(own)?;
    let pidns: Vec<Option<u64>> = (0..nest.nodes.len()).map(|index| pidns(nest, views, index)).collect();
    let firsts: HashSet<i32> = nest.nodes.iter().filter_map(|node| node.pid.filter(|_| !node.id.is_empty())).collect();
    // Who stands between an engine and its container is a part of neither.
    let shims: HashSet<i32> = firsts.iter().filter_map(|pid| Some(all.get(pid)?.parent)).collect();
    let mut of = Vec::new();
    for (node, ns) in nest.nodes.iter().zip(&pidns) {
        let (Some(ns), Some(first)) = (*ns, node.pid) else {
            of.push(Vec::new());
            continue;
        };
        let shared = own == ns || others_in(nest, &pidns, ns, first);
        let is_member = |pid: &i32| match (all.get(pid), shared) {
            (Some(seen), _) if seen.pidns != ns => false,
            (Some(_), true) if node.id.is_empty() => is_below(&all, *pid, first),
            (Some(_), true) => is_of(*pid, &node.id),
            (seen, _) => seen.is_some(),
        };
        let mut members: HashSet<i32> = all.keys().copied().filter(is_member).collect();
        members.retain(|pid| *pid == first || !shims.contains(pid));
        of.push(tree(&all, &members, first));
    }
    Ok(Procs { of, denied })
}

/// A process as it was seen.
struct Seen {
    parent: i32,
    pidns: u64,
    starttime: u64,
}

/// All that live, and how many of them may not be looked at; `own` is our own PID namespace.
fn census(own: u64) -> Result<(HashMap<i32, Seen>, usize)> {
    let (mut all, mut denied) = (HashMap::new(), 0);
    walk(|process| {
        let pidns = match process.namespace(NsType::Pid) {
            // How deep it is, is open to all.
            Err(Errno::EACCES | Errno::EPERM) if is_nested(process.pid()) => {
                denied += 1;
                None
            }
            Err(Errno::EACCES | Errno::EPERM) => Some(own),
            answer => answer.ok(),
        };
        if let (Some(pidns), Some(life)) = (pidns, process.life().filter(|life| !life.ended)) {
            all.insert(process.pid(), Seen { parent: life.parent, pidns, starttime: life.starttime });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((all, denied))
}

/// Whether a process is in another PID namespace than ours.
fn is_nested(pid: i32) -> bool {
    Process::pin(pid).and_then(|process| process.nspid()).is_ok_and(|pids| pids.len() > 1)
}

/// The PID namespace of a node that is there to be looked at.
fn pidns(nest: &Nest, views: &[View], index: usize) -> Option<u64> {
    let record = nest.nodes[index].record.as_ref().filter(|_| !views[index].gone)?;
    record.integers("ns").ok()?.into_iter().find_map(|(ns_type, ino)| (ns_type == "pid").then_some(ino))
}

fn others_in(nest: &Nest, pidns: &[Option<u64>], ns: u64, first: i32) -> bool {
    nest.nodes.iter().zip(pidns).any(|(node, other)| *other == Some(ns) && node.pid != Some(first))
}

fn is_of(pid: i32, id: &str) -> bool {
    let cgroup = Process::pin(pid).and_then(|process| process.read("cgroup"));
    cgroup.is_ok_and(|cgroup| container::id(&cgroup) == Some(id))
}

fn is_below(all: &HashMap<i32, Seen>, pid: i32, first: i32) -> bool {
    // Parents are older than their children; what was seen while it changed might go in a circle all the same.
    let up = std::iter::successors(Some(pid), |pid| all.get(pid).map(|seen| seen.parent));
    up.take(all.len()).any(|pid| pid == first)
}

/// Lays members out, each behind its parent: the first process and what is below it, then what came from outside, as
/// `docker exec` does.
fn tree(all: &HashMap<i32, Seen>, members: &HashSet<i32>, first: i32) -> Vec<Proc> {
    let mut children: HashMap<Option<i32>, Vec<i32>> = HashMap::new();
    for pid in members {
        let parent = Some(all[pid].parent).filter(|parent| *pid != first && members.contains(parent));
        children.entry(parent).or_default().push(*pid);
    }
    // The last is laid out first.
    for pids in children.values_mut() {
        pids.sort_by_key(|pid| std::cmp::Reverse((*pid != first, all[pid].starttime, *pid)));
    }
    let mut procs = Vec::new();
    let mut waiting: Vec<(i32, usize)> =
        children.remove(&None).unwrap_or_default().into_iter().map(|pid| (pid, 0)).collect();
    while let Some((pid, depth)) = waiting.pop() {
        // Who has ended meanwhile is left out; its children are another's.
        if let Some(proc) = describe(pid, all[&pid].starttime, depth) {
            procs.push(proc);
        }
        waiting.extend(children.remove(&Some(pid)).unwrap_or_default().into_iter().map(|pid| (pid, depth + 1)));
    }
    procs
}

fn describe(pid: i32, starttime: u64, depth: usize) -> Option<Proc> {
    let process = Process::pin(pid).ok().filter(|process| process.starttime().is_ok_and(|time| time == starttime))?;
    let name = process.read("comm").ok()?.trim_end().to_owned();
    let inner = process.nspid().ok()?.last().copied();
    Some(Proc { pid, inner, name, command: process.command().ok()?, depth })
}
