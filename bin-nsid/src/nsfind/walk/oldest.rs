//! Finds the process that started first without reading all start times.
//!
//! Reading a start time takes longer than everything else that a walk reads of a process. A parent is older than its
//! children, so a single list of children can rule out thousands.

use std::collections::HashSet;

use nicon_core::walk::{Proc, Stat};

/// For this many processes or fewer, reading all start times is fastest.
const FEW: usize = 32;

/// A process that may be a leader. It is not pinned, and must be checked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Oldest {
    /// Its start time, in clock ticks. Of processes with the same one, that with the lowest PID is taken.
    pub(crate) starttime: u64,
    /// Its PID.
    pub(crate) pid: i32,
}

/// The process among `pids` that is alive and started first.
pub(crate) fn of(pids: &[i32], proc: &Proc) -> Option<Oldest> {
    if pids.len() > FEW {
        let roots = roots(pids, proc);
        let alive: Vec<_> = roots.iter().filter_map(|&pid| if_alive(pid, proc)).collect();
        // If a root has exited, one of its descendants may be the oldest.
        if alive.len() == roots.len() {
            return alive.into_iter().min();
        }
    }
    pids.iter().filter_map(|&pid| if_alive(pid, proc)).min()
}

/// Whether those of `pids` that still exist are zombies, at least one.
pub(crate) fn are_zombies(pids: &[i32], proc: &Proc) -> bool {
    let mut stats = pids.iter().filter_map(|&pid| proc.process(pid).stat()).peekable();
    stats.peek().is_some() && stats.all(|stat| stat.ended)
}

fn if_alive(pid: i32, proc: &Proc) -> Option<Oldest> {
    match proc.process(pid).stat() {
        Some(Stat { ended: false, starttime, .. }) => Some(Oldest { starttime, pid }),
        _ => None,
    }
}

/// The processes among `pids`, in ascending order, that are not known to be descendants of others among them. It stops
/// looking for relatives when that does not pay: each look takes as long as reading a start time.
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
        // PIDs wrap around, so a parent may have a greater one than its children.
        let mut line = vec![pid];
        let mut top = pid;
        let mut has_older = false;
        while !has_older && pays(looks, &left, &roots) {
            looks += 1;
            let Some(Stat { parent, .. }) = proc.process(top).stat() else { break };
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
