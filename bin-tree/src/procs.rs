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
    let places: Vec<Option<(u64, i32)>> = (0..nest.nodes.len()).map(|index| place(nest, views, index)).collect();
    let shared = shared(&places, own);
    let crowd = all.iter().filter(|(_, seen)| shared.contains(&seen.pidns));
    let ids: HashMap<i32, String> = crowd.filter_map(|(pid, _)| Some((*pid, container_of(*pid)?))).collect();
    // Who stands between an engine and its container is a part of neither.
    let firsts = nest.nodes.iter().filter(|node| !node.id.is_empty()).filter_map(|node| node.pid);
    let shims: HashSet<i32> = firsts.filter_map(|pid| Some(all.get(&pid)?.parent)).collect();
    let processes = |index: usize| {
        let (Some((pidns, first)), id) = (places[index], &nest.nodes[index].id) else { return Vec::new() };
        let is_own = |pid: i32| match shared.contains(&pidns) {
            false => true,
            true if id.is_empty() => is_below(&all, pid, first),
            true => ids.get(&pid) == Some(id),
        };
        let mates = all.iter().filter(|(_, seen)| seen.pidns == pidns).map(|(pid, _)| *pid);
        let members = mates.filter(|pid| is_own(*pid) && (*pid == first || !shims.contains(pid)));
        tree(&all, &members.collect(), first)
    };
    Ok(Procs { of: (0..nest.nodes.len()).map(processes).collect(), denied })
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

/// The PID namespace and the first process of a node that is there to be looked at.
fn place(nest: &Nest, views: &[View], index: usize) -> Option<(u64, i32)> {
    let node = &nest.nodes[index];
    let namespaces = node.record.as_ref().filter(|_| !views[index].gone)?.integers("ns").ok()?;
    let pidns = namespaces.into_iter().find_map(|(ns_type, ino)| (ns_type == "pid").then_some(ino))?;
    Some((pidns, node.pid?))
}

/// The namespaces of which more than one has a part: ourselves, and who has another first process.
fn shared(places: &[Option<(u64, i32)>], own: u64) -> HashSet<u64> {
    let mut firsts = HashMap::new();
    let is_shared = |&(pidns, first): &(u64, i32)| pidns == own || *firsts.entry(pidns).or_insert(first) != first;
    places.iter().flatten().copied().filter(is_shared).map(|(pidns, _)| pidns).collect()
}

fn container_of(pid: i32) -> Option<String> {
    let cgroup = Process::pin(pid).and_then(|process| process.read("cgroup")).ok()?;
    container::id(&cgroup).map(str::to_owned)
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
