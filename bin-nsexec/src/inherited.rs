//! What a process inherits from the one that starts it, besides: a container's code gets no more of it than the target has.

use std::fs;

use nicon_core::proc::status_field;
use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};

use crate::sys::{self, OURSELVES};

const OOM_SCORE_ADJ: &str = "/proc/self/oom_score_adj";

/// What the target has of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Inherited {
    umask: u32,
    nice: i32,
    policy: u32,
    /// `None` if ours is no less.
    oom_score_adj: Option<i32>,
    /// `None` if it is not ours to look at.
    personality: Option<u32>,
}

impl Inherited {
    /// Reads it. `status` is the text of /proc/PID/status.
    ///
    /// What is asked by PID is true of the target if it is alive afterwards.
    pub(crate) fn of(target: &Process, status: &str) -> Result<Self> {
        let untold = |what| move || Error::failed(format!("the target's {what} in /proc is not told"));
        let oom: i32 = target.read("oom_score_adj")?.trim().parse().map_err(|_| untold("OOM score")())?;
        let own = fs::read_to_string(OOM_SCORE_ADJ).context(|| format!("read {OOM_SCORE_ADJ}"))?;
        Ok(Self {
            umask: umask_in(status).ok_or_else(untold("umask"))?,
            nice: sys::nice(target.pid()).context(|| "read the target's nice value")?,
            policy: sys::policy(target.pid()).context(|| "read the target's scheduling policy")?,
            oom_score_adj: own.trim().parse().is_ok_and(|own: i32| own < oom).then_some(oom),
            personality: target.read("personality").ok().and_then(|text| u32::from_str_radix(text.trim(), 16).ok()),
        })
    }

    /// Takes on what needs a /proc of ours: before the joins.
    pub(crate) fn take_on_early(&self) -> Result<()> {
        let Some(targets) = self.oom_score_adj else { return Ok(()) };
        match fs::write(OOM_SCORE_ADJ, targets.to_string()) {
            // Our process is closed to others, and so to us if we are not root.
            Err(error) if error.raw_os_error() == Some(libc::EACCES) => Ok(()),
            written => written.context(|| format!("write {OOM_SCORE_ADJ}")),
        }
    }

    /// Takes on the rest, where ours is more: last, for it concerns what we do ourselves, too.
    pub(crate) fn take_on(&self) -> Result<()> {
        let own = umask(Mode::empty());
        umask(own | Mode::from_bits_truncate(self.umask));
        if !is_real_time(self.policy) && is_real_time(sys::policy(OURSELVES).context(|| "read our scheduling policy")?)
        {
            sys::schedule_normally().context(|| "give up real-time scheduling")?;
        }
        if sys::nice(OURSELVES).context(|| "read our nice value")? < self.nice {
            sys::set_nice(self.nice).context(|| "set the nice value")?;
        }
        match self.personality.map(sys::set_personality) {
            // A part of it that this kernel does not know.
            None | Some(Ok(()) | Err(Errno::EINVAL)) => Ok(()),
            Some(set) => set.context(|| "set the personality"),
        }
    }
}

fn umask_in(status: &str) -> Option<u32> {
    u32::from_str_radix(status_field(status, "Umask")?, 8).ok()
}

/// `SCHED_FIFO`, `SCHED_RR` and `SCHED_DEADLINE` of linux/sched.h.
fn is_real_time(policy: u32) -> bool {
    matches!(policy, 1 | 2 | 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_process() {
        let myself = Process::myself().unwrap();
        let inherited = Inherited::of(&myself, "Name:\tx\nUmask:\t0027\n").unwrap();
        // Independently: after the name, which may contain anything, the state is the third field of `proc_pid_stat(5)`.
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split_whitespace().collect();
        let expected = Inherited {
            umask: 0o27,
            nice: fields[16].parse().unwrap(),
            policy: fields[38].parse().unwrap(),
            oom_score_adj: None,
            personality: Some(0),
        };
        assert_eq!(inherited, expected);
        assert!(Inherited::of(&myself, "").is_err());
    }
}
