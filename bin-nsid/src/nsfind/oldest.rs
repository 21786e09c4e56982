//! Which of some processes started first, found without reading all their start times.
//!
//! To read a start time costs more than all else that a walk asks of a process. A parent is older than its children, so
//! that one list of children can rule out thousands.

use std::collections::HashSet;

use nicon_core::walk::{Life, Proc};

/// So few that to read their start times is the shortest way.
const FEW: usize = 32;

/// A process that may be a leader. Not pinned: it must be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Oldest {
    /// When it started. The clock ticks too slowly to tell all apart: the lower PID is taken for the older.
    pub(crate) starttime: u64,
    /// Its PID.
    pub(crate) pid: i32,
}

/// The one of `pids` that lives and started first.
pub(crate) fn of(pids: &[i32], proc: &Proc) -> Option<Oldest> {
    if pids.len() > FEW {
        let roots = roots(pids, proc);
        let lives: Vec<_> = roots.iter().filter_map(|&pid| living(pid, proc)).collect();
        // One that has ended since cannot stand for its children any more.
        if lives.len() == roots.len() {
            return lives.into_iter().min();
        }
    }
    pids.iter().filter_map(|&pid| living(pid, proc)).min()
}

/// Whether zombies are left of `pids`, and nothing else.
pub(crate) fn are_zombies(pids: &[i32], proc: &Proc) -> bool {
    let mut lives = pids.iter().filter_map(|&pid| proc.process(pid).life()).peekable();
    lives.peek().is_some() && lives.all(|life| life.ended)
}

fn living(pid: i32, proc: &Proc) -> Option<Oldest> {
    match proc.process(pid).life() {
        Some(Life { ended: false, starttime, .. }) => Some(Oldest { starttime, pid }),
        _ => None,
    }
}

/// Those of `pids`, which ascend, that are not known to be descendants of others of them. Given up where it does not pay:
/// where the processes are not related to each other, each look at a family is as dear as a start time.
fn roots(pids: &[i32], proc: &Proc) -> Vec<i32> {
    let mut left: HashSet<i32> = pids.iter().copied().collect();
    let mut roots = Vec::new();
    let mut looks = 0;
    for &pid in pids {
        if !left.remove(&pid) {
            continue;
        }
        let pays =
            |looks, left: &HashSet<i32>, roots: &[i32]| looks < FEW + (pids.len() - left.len() - roots.len()) / 4;
        // PIDs start anew now and then: a parent may have a greater one than its children.
        let mut line = vec![pid];
        let mut top = pid;
        let mut has_older = false;
        while !has_older && pays(looks, &left, &roots) {
            looks += 1;
            let Some(Life { parent, .. }) = proc.process(top).life() else { break };
            if left.remove(&parent) {
                line.push(parent);
                top = parent;
            } else if line.contains(&parent) || pids.binary_search(&parent).is_err() {
                break;
            } else {
                has_older = true;
            }
        }
        if !has_older {
            roots.push(top);
        }
        while !left.is_empty() && pays(looks, &left, &roots) {
            let Some(parent) = line.pop() else { break };
            looks += 1;
            line.extend(proc.process(parent).children().into_iter().filter(|child| left.remove(child)));
        }
    }
    roots
}
