//! Those who would be left behind if one of our processes were killed: all of the command's session.

use std::collections::HashSet;
use std::ops::ControlFlow;

use nicon_core::walk::{Stat, walk};
use nicon_core::{Process, Result};
use nix::unistd::{Pid, getpid};
use rustix::process::{Signal, pidfd_send_signal};

/// How often to look for processes that were born while others were killed: one more than there can be generations that escape.
const MAX_ROUNDS: u32 = 1000;

/// Kills all processes of the session that `leader` leads or led, and all that descend from it or from `command`. None of them is waited for:
/// a container's file system can keep a process from ending.
///
/// `leader` must not have been waited for, nor `command`: otherwise others may have their PIDs.
///
/// # Errors
/// If /proc cannot be read.
pub(super) fn kill_all(leader: Option<Pid>, command: Option<Pid>) -> Result<()> {
    let mut killed = HashSet::new();
    for _ in 0..MAX_ROUNDS {
        let found = members(leader, command)?;
        let new: Vec<_> = found.into_iter().filter(|member| killed.insert(*member)).collect();
        if new.is_empty() {
            break;
        }
        new.into_iter().for_each(kill);
    }
    Ok(())
}

/// The PIDs and start times of those who live.
fn members(leader: Option<Pid>, command: Option<Pid>) -> Result<Vec<(i32, u64)>> {
    let mut all = Vec::new();
    walk(|process| {
        all.extend(process.stat().map(|stat| (process.pid(), stat)));
        Ok(ControlFlow::Continue(()))
    })?;
    let mut family: HashSet<i32> = leader.into_iter().chain(command).map(Pid::as_raw).collect();
    // A child may have a lower PID than its parent.
    loop {
        let before = family.len();
        family.extend(
            all.iter().filter(|(_, stat)| family.contains(&stat.parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
        );
        if family.len() == before {
            break;
        }
    }
    let is_ours = |pid: i32| [Some(getpid()), leader].contains(&Some(Pid::from_raw(pid)));
    let is_one =
        |pid: i32, stat: &Stat| leader.is_some_and(|leader| stat.session == leader.as_raw()) || family.contains(&pid);
    let members = all.into_iter().filter(|(pid, stat)| !stat.ended && is_one(*pid, stat) && !is_ours(*pid));
    Ok(members.map(|(pid, stat)| (pid, stat.starttime)).collect())
}

fn kill((pid, starttime): (i32, u64)) {
    // Pinned, and the same as before: no other process is hit.
    if let Ok(process) = Process::pin(pid)
        && process.starttime().is_ok_and(|now| now == starttime)
    {
        let _ = pidfd_send_signal(&process, Signal::KILL);
    }
}
