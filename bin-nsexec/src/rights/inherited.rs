//! What else a process inherits from the one that starts it: a container's code gets no more of it than the target has.

use std::fs;

use nicon_core::proc::status_field;
use nicon_core::{Context, Error, Process, Result};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::stat::{Mode, umask};
use nix::unistd::Pid;

use crate::sys::{self, OURSELVES};

const OOM_SCORE_ADJ: &str = "/proc/self/oom_score_adj";

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
        // Before the cgroup is joined, which changes it.
        let own_processors = sched_getaffinity(Pid::from_raw(0)).ok();
        let targets_processors = status_field(status, "Cpus_allowed").and_then(processors);
        Ok(Self {
            umask: umask_in(status).ok_or_else(untold("umask"))?,
            nice: sys::nice(target.pid()).context(|| "read the target's nice value")?,
            policy: sys::policy(target.pid()).context(|| "read the target's scheduling policy")?,
            io_priority: sys::io_priority(target.pid()).ok().map(IoPriority),
            processors: own_processors.zip(targets_processors).map(|(own, targets)| common(&own, targets)),
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

    /// Takes on the rest, where ours is more. This is done last, since it also limits what we do ourselves.
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
        match self.processors.map(|processors| sched_setaffinity(Pid::from_raw(0), &processors)) {
            // The target's cgroup has others by now: so have we, having joined it.
            None | Some(Ok(()) | Err(Errno::EINVAL)) => {}
            Some(set) => set.context(|| "set the processors")?,
        }
        if let Some(IoPriority(priority)) =
            self.io_priority.filter(|targets| targets.is_below(sys::io_priority(OURSELVES)))
        {
            sys::set_io_priority(priority).context(|| "set the I/O priority")?;
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
        // A number that we were told can be set.
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
        let myself = Process::myself().unwrap();
        let inherited = Inherited::of(&myself, "Name:\tx\nUmask:\t0027\n").unwrap();
        // Independently: after the name, which may contain anything, the state is the third field of `proc_pid_stat(5)`.
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split_whitespace().collect();
        let expected = Inherited {
            umask: 0o27,
            nice: rustix::process::getpriority_process(None).unwrap(),
            policy: fields[38].parse().unwrap(),
            oom_score_adj: None,
            personality: Some(0),
            io_priority: inherited.io_priority,
            processors: None,
        };
        assert_eq!(inherited, expected);
        let told = std::process::Command::new("nice").output().unwrap().stdout;
        assert_eq!(String::from_utf8(told).unwrap().trim(), inherited.nice.to_string(), "as a child inherits it");
        assert!(Inherited::of(&myself, "").is_err());
    }

    /// Of a process that has none of our own values.
    #[test]
    fn of_a_child() {
        let mut chrt = std::process::Command::new("chrt");
        let script = "renice 19 -p $$ >/dev/null && echo 300 >/proc/self/oom_score_adj; exec sleep 60";
        let mut child = chrt.args(["--batch", "0", "sh", "-c", script]).spawn().unwrap();
        let process = Process::pin(child.id().cast_signed()).unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while process.command().is_ok_and(|command| command != "sleep 60") {
            assert!(std::time::Instant::now() < until, "no sleep");
        }
        let inherited = Inherited::of(&process, "Umask:\t0077\n");
        let _ = (child.kill(), child.wait());
        let Inherited { umask, nice, policy, oom_score_adj, .. } = inherited.unwrap();
        assert_eq!((umask, nice, policy, oom_score_adj), (0o77, 19, libc::SCHED_BATCH.cast_unsigned(), Some(300)));
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
