//! What /proc says, read without a line of nicon's code, so that it can bear witness to what nicon says.

use std::{collections::HashSet, fs, path::PathBuf};

/// Some fields of /proc/PID/stat.
#[derive(Debug, Clone, Copy)]
pub struct Stat {
    /// One letter: `R`, `S`, `Z`, ...
    pub state: char,
    /// PID of the parent, 0 when it is not visible.
    pub parent: u32,
    /// Clock ticks since boot; with the PID it names one process.
    pub start_time: u64,
}

/// Every PID in /proc.
///
/// # Panics
/// When /proc is not mounted.
#[must_use]
pub fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("list /proc");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// Reads /proc/PID/stat; `None` when there is no such process.
#[must_use]
pub fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Whether a signal has stopped all threads of a process.
#[must_use]
pub fn is_stopped(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat"));
        stat.is_ok_and(|stat| parse_stat(&stat).is_some_and(|stat| stat.state == 'T'))
    })
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The command name may hold spaces and parentheses: fields are counted from its last parenthesis.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        start_time: fields.get(19)?.parse().ok()?,
    })
}

/// PIDs of one process in each nested PID namespace, outermost first (`NSpid:` of /proc/PID/status).
#[must_use]
pub fn nspid(pid: u32) -> Option<Vec<u32>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().map(|word| word.parse().ok()).collect()
}

/// The text of /proc/PID/ns/KIND, such as `pid:[4026531836]`.
#[must_use]
pub fn ns_link(pid: u32, kind: &str) -> Option<String> {
    let link = fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()?;
    link.to_str().map(str::to_owned)
}

/// The first process of the mount namespace that `link` names.
///
/// A container has a mount namespace of its own even when it shares its PID namespace. Its first process and whatever
/// `docker exec` put there have parents outside of it; of those the first process is the oldest.
#[must_use]
pub fn first_process_of(link: &str) -> Option<u32> {
    let members: HashSet<u32> =
        pids().into_iter().filter(|pid| ns_link(*pid, "mnt").as_deref() == Some(link)).collect();
    let entered = members.iter().filter_map(|pid| {
        let stat = stat(*pid)?;
        (!members.contains(&stat.parent)).then_some((stat.start_time, *pid))
    });
    entered.min().map(|(_, pid)| pid)
}

/// `root` and all its descendants that are alive now, each with its start time.
#[must_use]
pub fn family(root: u32) -> Vec<(u32, u64)> {
    let all: Vec<(u32, Stat)> = pids().into_iter().filter_map(|pid| Some((pid, stat(pid)?))).collect();
    let mut family: Vec<(u32, u64)> =
        all.iter().filter(|(pid, _)| *pid == root).map(|(pid, stat)| (*pid, stat.start_time)).collect();
    let mut next = 0;
    while let Some((parent, _)) = family.get(next).copied() {
        let children = all.iter().filter(|(_, stat)| stat.parent == parent);
        family.extend(children.map(|(pid, stat)| (*pid, stat.start_time)));
        next += 1;
    }
    family
}

/// Whether a process listens at a unix socket of our network namespace: between bind(2) and listen(2) there is the file only.
#[must_use]
pub fn is_listening(socket: &str) -> bool {
    /// `__SO_ACCEPTCON` of linux/net.h, as /proc/net/unix shows it.
    const ACCEPTS: &str = "00010000";
    let sockets = fs::read_to_string("/proc/self/net/unix").unwrap_or_default();
    sockets.lines().any(|line| line.ends_with(socket) && line.split_whitespace().nth(3) == Some(ACCEPTS))
}

/// Mount points of this machine's cgroup hierarchies, one on cgroup v2, several on v1.
#[must_use]
pub fn cgroup_mounts() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let point = |line: &str| {
        let (mount, filesystem) = line.split_once(" - ")?;
        matches!(filesystem.split(' ').next(), Some("cgroup" | "cgroup2"))
            .then(|| mount.split(' ').nth(4).map(PathBuf::from))?
    };
    mounts.lines().filter_map(point).collect()
}
