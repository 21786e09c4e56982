//! The processes of each container, as trees.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;

use nicon_core::containers::Containers;
use nicon_core::walk::walk;
use nicon_core::{NsType, Process, Result};

use crate::compare::Comparison;
use crate::nest::Nest;

/// A process of a container.
#[derive(Debug)]
pub(crate) struct Proc {
    pub(crate) pid: i32,
    /// Its PID in its own PID namespace.
    pub(crate) inner: Option<i32>,
    /// Its name in /proc/PID/comm.
    pub(crate) name: String,
    pub(crate) command: String,
    /// The number of its ancestors among the processes of the node.
    pub(crate) depth: usize,
}

/// The processes of all nodes.
pub(crate) struct Procs {
    /// For each node: its processes, each after its parent.
    pub(crate) of: Vec<Vec<Proc>>,
    /// The number of processes that may not be inspected.
    pub(crate) denied: usize,
}

/// Finds the processes of each node that is still running.
///
/// These are the processes in its PID namespace. If it shares that with others, they are those that are in it by its own
/// cgroups, or, for a node that is not a container, the descendants of its process.
///
/// # Errors
/// If /proc cannot be read.
pub(crate) fn find(nest: &Nest, comparisons: &[Comparison]) -> Result<Procs> {
    let own = Process::myself()?.namespace(NsType::Pid)?.id().ino;
    let (all, denied) = census(own)?;
    let places: Vec<Option<(u64, i32)>> = (0..nest.nodes.len()).map(|index| place(nest, comparisons, index)).collect();
    let shared = shared(&places, own);
    let containers = containers(nest);
    let sharing = all.iter().filter(|(_, entry)| shared.contains(&entry.pidns)).map(|(pid, _)| *pid);
    let container_of = |pid: i32| containers.of(&Process::pin(pid).ok()?).ok()?.copied();
    let innermost: HashMap<i32, usize> = sharing.filter_map(|pid| Some((pid, container_of(pid)?))).collect();
    // A container's shim belongs neither to the container nor to the engine's container.
    let here = nest.nodes.iter().filter(|node| nest.machines[node.machine].is_here);
    let firsts = here.filter(|node| !node.id.is_empty()).filter_map(|node| node.pid);
    let shims: HashSet<i32> = firsts.filter_map(|pid| Some(all.get(&pid)?.parent)).collect();
    let processes = |index: usize| {
        let Some((pidns, first)) = places[index] else { return Vec::new() };
        let is_container = !nest.nodes[index].id.is_empty();
        let is_own = |pid: i32| match shared.contains(&pidns) {
            false => true,
            true if is_container => innermost.get(&pid) == Some(&index),
            true => is_below(&all, pid, first),
        };
        let in_pidns = all.iter().filter(|(_, entry)| entry.pidns == pidns).map(|(pid, _)| *pid);
        let members = in_pidns.filter(|pid| is_own(*pid) && (*pid == first || !shims.contains(pid)));
        tree(&all, &members.collect(), first)
    };
    Ok(Procs { of: (0..nest.nodes.len()).map(processes).collect(), denied })
}

/// A running process.
struct Running {
    parent: i32,
    pidns: u64,
    starttime: u64,
}

/// All running processes, and the number of those that may not be inspected. `own` is our own PID namespace.
fn census(own: u64) -> Result<(HashMap<i32, Running>, usize)> {
    let (mut all, mut denied) = (HashMap::new(), 0);
    walk(|process| {
        let pidns = match process.namespace(NsType::Pid) {
            // Anyone may read how deeply it is nested.
            Err(error) if is_denied(&error) && is_nested(process.pid()) => {
                denied += 1;
                None
            }
            Err(error) if is_denied(&error) => Some(own),
            answer => answer.ok(),
        };
        if let (Some(pidns), Some(stat)) = (pidns, process.stat().filter(|stat| !stat.ended)) {
            all.insert(process.pid(), Running { parent: stat.parent, pidns, starttime: stat.starttime });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((all, denied))
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Whether a process is in another PID namespace than ours.
fn is_nested(pid: i32) -> bool {
    Process::pin(pid).and_then(|process| process.nspid()).is_ok_and(|pids| pids.len() > 1)
}

/// The PID namespace and the first process of a node that is still running.
fn place(nest: &Nest, comparisons: &[Comparison], index: usize) -> Option<(u64, i32)> {
    let node = &nest.nodes[index];
    let is_running = nest.machines[node.machine].is_here && !comparisons[index].gone;
    let namespaces = node.record.as_ref().filter(|_| is_running)?.integers("ns").ok()?;
    let pidns = namespaces.into_iter().find_map(|(ns_type, ino)| (ns_type == "pid").then_some(ino))?;
    Some((pidns, node.pid?))
}

/// The PID namespaces that nodes share: with us, or with a node that has another first process.
fn shared(places: &[Option<(u64, i32)>], own: u64) -> HashSet<u64> {
    let mut firsts = HashMap::new();
    let is_shared = |&(pidns, first): &(u64, i32)| pidns == own || *firsts.entry(pidns).or_insert(first) != first;
    places.iter().flatten().copied().filter(is_shared).map(|(pidns, _)| pidns).collect()
}

/// All containers of the nest that are running, by the index of their node.
fn containers(nest: &Nest) -> Containers<usize> {
    let mut containers = Containers::default();
    for (index, node) in nest.nodes.iter().enumerate().filter(|(_, node)| !node.id.is_empty()) {
        if !nest.machines[node.machine].is_here {
            continue;
        }
        let depth = std::iter::successors(node.outer, |&outer| nest.nodes[outer].outer).count();
        let first = match (&node.record, node.pid) {
            (Some(record), _) => Process::from_record(record).ok(),
            (None, pid) => pid.and_then(|pid| Process::pin(pid).ok()),
        };
        // One that is gone has no processes.
        let _ = first.map(|first| containers.add(index, &node.id, depth, &first));
    }
    containers
}

fn is_below(all: &HashMap<i32, Running>, pid: i32, first: i32) -> bool {
    // The limit guards against a loop: the parents were not all read at the same time.
    let up = std::iter::successors(Some(pid), |pid| all.get(pid).map(|entry| entry.parent));
    up.take(all.len()).any(|pid| pid == first)
}

/// Orders the members, each after its parent: the first process and its descendants, then those that were started from
/// outside, as by `docker exec`.
fn tree(all: &HashMap<i32, Running>, members: &HashSet<i32>, first: i32) -> Vec<Proc> {
    let mut children: HashMap<Option<i32>, Vec<i32>> = HashMap::new();
    for pid in members {
        let parent = Some(all[pid].parent).filter(|parent| *pid != first && members.contains(parent));
        children.entry(parent).or_default().push(*pid);
    }
    // Reversed, since they are taken from the end.
    for pids in children.values_mut() {
        pids.sort_by_key(|pid| std::cmp::Reverse((*pid != first, all[pid].starttime, *pid)));
    }
    let mut procs = Vec::new();
    let mut waiting: Vec<(i32, usize)> =
        children.remove(&None).unwrap_or_default().into_iter().map(|pid| (pid, 0)).collect();
    while let Some((pid, depth)) = waiting.pop() {
        // A process that has exited since is left out. Its children keep their place.
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
