//! What a process inherits from the one that starts it, besides: a container's code gets no more of it than the target has.

use std::fs;

use nicon_core::proc::status_field;
use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::stat::{Mode, umask};
use nix::unistd::Pid;

use crate::sys;

/// What the target has of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Inherited {
    umask: u32,
    nice: i32,
    policy: u32,
    /// `None` if this kernel has none.
    io_priority: Option<IoPriority>,
    /// The target's processors, of these ours if there are any; `None` if there are too many to be told.
    processors: Option<CpuSet>,
    oom_score_adj: i32,
    /// `None` if it is not ours to look at.
    personality: Option<u32>,
}

impl Inherited {
    /// Reads it. `status` is the text of /proc/PID/status.
    pub(crate) fn of(target: &Process, status: &str) -> Result<Self> {
        let [stat, oom] = ["stat", "oom_score_adj"].map(|file| target.read(file));
        let personality = target.read("personality").ok();
        let io_priority = sys::io_priority(target.pid()).ok().map(IoPriority);
        // Before the cgroup is joined, which changes it.
        let own = sched_getaffinity(Pid::from_raw(0)).ok();
        Self::parse(status, &stat?, &oom?, personality.as_deref(), io_priority, own).ok_or_else(|| {
            let directory = format!("/proc/{}", target.pid());
            Error::failed(format!("read {directory}: it does not tell umask, nice value and OOM score"))
        })
    }

    fn parse(
        status: &str,
        stat: &str,
        oom_score_adj: &str,
        personality: Option<&str>,
        io_priority: Option<IoPriority>,
        own_processors: Option<CpuSet>,
    ) -> Option<Self> {
        let processors = status_field(status, "Cpus_allowed").and_then(processors);
        // After the name, which may contain anything; the state is the third field of `proc_pid_stat(5)`.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
        Some(Self {
            umask: u32::from_str_radix(status_field(status, "Umask")?, 8).ok()?,
            nice: fields.get(16)?.parse().ok()?,
            policy: fields.get(38)?.parse().ok()?,
            io_priority,
            processors: own_processors.zip(processors).map(|(own, targets)| common(&own, targets)),
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
        match self.processors.map(|processors| sched_setaffinity(Pid::from_raw(0), &processors)) {
            // The target's cgroup has others by now: so have we, having joined it.
            None | Some(Ok(()) | Err(Errno::EINVAL)) => {}
            Some(set) => set.context(|| "set the processors")?,
        }
        if let Some(IoPriority(priority)) = self.io_priority.filter(|targets| targets.is_below(sys::io_priority(0))) {
            sys::set_io_priority(priority).context(|| "set the I/O priority")?;
        }
        match self.personality.map(sys::set_personality) {
            // A part of it that this kernel does not know.
            None | Some(Ok(()) | Err(Errno::EINVAL)) => Ok(()),
            Some(set) => set.context(|| "set the personality"),
        }
    }
}

/// An I/O priority as `ioprio_get(2)` gives it: the class above bit 13, and a level.
#[derive(Clone, Copy, Debug, PartialEq)]
struct IoPriority(u32);

impl IoPriority {
    /// Whether it gives less than this.
    fn is_below(self, other: nix::Result<u32>) -> bool {
        // Real time, best effort, idle; a process without a class has the middle of best effort. A level is a number up to 7.
        let rank = |priority: u32| if priority >> 13 == 0 { (2, 4) } else { (priority >> 13, priority & 7) };
        other.is_ok_and(|other| rank(self.0) > rank(other))
    }
}

/// The processors that both have, or otherwise the target's.
fn common(own: &CpuSet, targets: CpuSet) -> CpuSet {
    let mut common = CpuSet::new();
    for cpu in (0..CpuSet::count()).filter(|cpu| own.is_set(*cpu) == Ok(true) && targets.is_set(*cpu) == Ok(true)) {
        // A number that it can be asked for it can be given.
        let _ = common.set(cpu);
    }
    if common == CpuSet::new() { targets } else { common }
}

/// The processors in a mask of /proc/PID/status: hexadecimal digits, with commas.
fn processors(mask: &str) -> Option<CpuSet> {
    let mut set = CpuSet::new();
    for (place, digit) in mask.chars().rev().filter(|digit| *digit != ',').enumerate() {
        let digit = digit.to_digit(16)?;
        for bit in (0..4).filter(|bit| digit & 1 << bit != 0) {
            set.set(4 * place + bit).ok()?;
        }
    }
    Some(set)
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
        let expected = Inherited {
            umask: 0o27,
            nice: -5,
            policy: 0,
            oom_score_adj: 200,
            personality: Some(0x40000),
            io_priority: None,
            processors: None,
        };
        assert_eq!(
            Inherited::parse("Name:\tx\nUmask:\t0027\n", stat, "200\n", Some("00040000\n"), None, None),
            Some(Inherited { policy: 3, ..expected })
        );
        assert_eq!(Inherited::parse("", stat, "200\n", None, None, None), None);
        assert!(Inherited::of(&Process::myself().unwrap(), "Umask:\t0022\n").is_ok());
    }
    #[test]
    fn processors_of_both() {
        let set = |cpus: &[usize]| {
            let mut set = CpuSet::new();
            for cpu in cpus {
                set.set(*cpu).unwrap();
            }
            set
        };
        assert_eq!(processors("3,80000001"), Some(set(&[0, 31, 32, 33])));
        assert_eq!(processors("x"), None);
        assert_eq!(common(&set(&[1, 2]), set(&[2, 3])), set(&[2]));
        assert_eq!(common(&set(&[1]), set(&[2, 3])), set(&[2, 3]));
    }

    #[test]
    fn io_priorities() {
        let [real_time, best, idle] = [1_u32, 2, 3].map(|class| class << 13);
        let is_below = |targets, own| IoPriority(targets).is_below(Ok(own));
        assert!(is_below(best, real_time) && is_below(0, real_time) && is_below(idle, best) && is_below(best | 7, 0));
        assert!(!is_below(0, best | 4) && !is_below(real_time, 0) && !is_below(best, 0) && !is_below(best, idle));
    }
}
