//! What a process inherits from the one that starts it, besides: a container's code gets no more of it than the target has.

use std::fs;

use nicon_core::proc::status_field;
use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};

use crate::sys;

/// What the target has of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Inherited {
    umask: u32,
    nice: i32,
    policy: u32,
    oom_score_adj: i32,
    /// `None` if it is not ours to look at.
    personality: Option<u32>,
}

impl Inherited {
    /// Reads it. `status` is the text of /proc/PID/status.
    pub(crate) fn of(target: &Process, status: &str) -> Result<Self> {
        let [stat, oom] = ["stat", "oom_score_adj"].map(|file| target.read(file));
        let personality = target.read("personality").ok();
        Self::parse(status, &stat?, &oom?, personality.as_deref()).ok_or_else(|| {
            let directory = format!("/proc/{}", target.pid());
            Error::failed(format!("read {directory}: it does not tell umask, nice value and OOM score"))
        })
    }

    fn parse(status: &str, stat: &str, oom_score_adj: &str, personality: Option<&str>) -> Option<Self> {
        // After the name, which may contain anything; the state is the third field of `proc_pid_stat(5)`.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
        Some(Self {
            umask: u32::from_str_radix(status_field(status, "Umask")?, 8).ok()?,
            nice: fields.get(16)?.parse().ok()?,
            policy: fields.get(38)?.parse().ok()?,
            oom_score_adj: oom_score_adj.trim().parse().ok()?,
            personality: personality.and_then(|text| u32::from_str_radix(text.trim(), 16).ok()),
        })
    }

    /// Takes on what needs a /proc of ours: before the joins.
    pub(crate) fn take_on_early(&self) -> Result<()> {
        let path = "/proc/self/oom_score_adj";
        let own = fs::read_to_string(path).context(|| format!("read {path}"))?;
        if own.trim().parse().is_ok_and(|own: i32| own < self.oom_score_adj) {
            let written = fs::write(path, self.oom_score_adj.to_string());
            // Our process is closed to others, and so to us if we are not root.
            if !matches!(&written, Err(error) if error.raw_os_error() == Some(libc::EACCES)) {
                written.context(|| format!("write {path}"))?;
            }
        }
        Ok(())
    }

    /// Takes on the rest, where ours is more: last, for it concerns what we do ourselves, too.
    pub(crate) fn take_on(&self) -> Result<()> {
        let own = umask(Mode::empty());
        umask(own | Mode::from_bits_truncate(self.umask));
        if !is_real_time(self.policy) && is_real_time(sys::policy().context(|| "read our scheduling policy")?) {
            sys::schedule_normally().context(|| "give up real-time scheduling")?;
        }
        if sys::nice().context(|| "read our nice value")? < self.nice {
            sys::set_nice(self.nice).context(|| "set the nice value")?;
        }
        match self.personality.map(sys::set_personality) {
            // A part of it that this kernel does not know.
            None | Some(Ok(()) | Err(Errno::EINVAL)) => Ok(()),
            Some(set) => set.context(|| "set the personality"),
        }
    }
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
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 -5 1 0 9 1 1 18446744073709551615 1 1 0 0 0 0 0 0 0 1 0 0 17 0 0 3 0 0";
        let expected = Inherited { umask: 0o27, nice: -5, policy: 0, oom_score_adj: 200, personality: Some(0x40000) };
        assert_eq!(
            Inherited::parse("Name:\tx\nUmask:\t0027\n", stat, "200\n", Some("00040000\n")),
            Some(Inherited { policy: 3, ..expected })
        );
        assert_eq!(Inherited::parse("", stat, "200\n", None), None);
        assert!(Inherited::of(&Process::myself().unwrap(), "Umask:\t0022\n").is_ok());
    }
}
