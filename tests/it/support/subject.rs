//! Processes to look at: they do nothing, and end with the test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use nicon_lab::{Ran, tool, until, witness};
use serde_json::Value;

use crate::support::expect::parse;

/// The types of namespace that this kernel has, by their names in /proc/self/ns.
pub(crate) const TYPES: [&str; 8] = ["user", "cgroup", "ipc", "uts", "net", "pid", "mnt", "time"];

/// A process that was started for a test, killed at its end.
pub(crate) struct Subject(Child);

impl Subject {
    /// Runs a shell script in namespaces of its own, by options of `unshare`, and waits until it says that it is ready.
    #[track_caller]
    pub(crate) fn start(options: &[&str], script: &str) -> Self {
        let mut command = tool("setpriv");
        // Should this process be killed, nobody is left to end the subject.
        command.args(["--pdeathsig", "KILL", "unshare"]).args(options).args(["sh", "-c", script]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let subject = Self(child);
        assert_eq!(line.trim(), "ready", "{options:?} {script}");
        subject
    }

    /// A process that sleeps in namespaces of its own.
    #[track_caller]
    pub(crate) fn asleep(options: &[&str]) -> Self {
        Self::start(options, "echo ready; exec sleep 600")
    }

    /// The process that was started.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Its first child.
    pub(crate) fn child(&self) -> u32 {
        let family = witness::family(self.pid());
        family.into_iter().map(|(pid, _)| pid).find(|pid| *pid != self.pid()).expect("it has a child")
    }

    /// The inode number of one of its namespaces.
    pub(crate) fn ino(&self, ns_type: &str) -> u64 {
        ino(self.pid(), ns_type)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // `unshare --fork --kill-child` takes its child along.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The inode number of a process's namespace, as `readlink` tells it.
#[track_caller]
pub(crate) fn ino(pid: u32, ns_type: &str) -> u64 {
    let link = witness::ns_link(pid, ns_type).unwrap_or_else(|| panic!("no {ns_type} of {pid}"));
    link[ns_type.len() + 2..link.len() - 1].parse().unwrap()
}

/// Every process that has this link, with its start time, oldest first.
pub(crate) fn members(link: &str) -> Vec<(u64, u32)> {
    let ns_type = link.split(':').next().unwrap();
    let all = witness::pids().into_iter();
    let members = all.filter(|pid| witness::ns_link(*pid, ns_type).as_deref() == Some(link));
    let mut members: Vec<_> = members.filter_map(|pid| Some((witness::stat(pid)?.start_time, pid))).collect();
    members.sort_unstable();
    members
}

/// The rows of lsns, with these columns and options.
pub(crate) fn lsns_rows(columns: &str, options: &[&str]) -> Vec<Value> {
    // It gives up where a process vanishes at the wrong moment.
    let list: Value = until("lsns", || {
        let output = tool("lsns").args(["--json", "--output", columns]).args(options).output().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    });
    list["namespaces"].as_array().cloned().unwrap_or_default()
}

/// What lsns says of each namespace: its number of processes and lowest PID.
pub(crate) fn lsns() -> BTreeMap<(String, u64), (u64, u64)> {
    let row = |row: &Value| {
        let number = |field: &str| row[field].as_u64().unwrap_or(0);
        ((row["type"].as_str().unwrap().to_owned(), number("ns")), (number("nprocs"), number("pid")))
    };
    lsns_rows("NS,TYPE,NPROCS,PID", &[]).iter().map(row).collect()
}

/// The records of a run that answered, as well as this machine lets it: where we may not even look at PID 1, it must say
/// that there may be more. Any process may have sent another a descriptor just now, and namespaces of other tests come and go, or are
/// mounted where they cannot be opened.
#[track_caller]
pub(crate) fn answers(ran: &Ran) -> Vec<Value> {
    let of_others = [
        " sent and not received may keep namespaces: ",
        " (nstree, netnsid) are missing: open ",
        " could not be found: ",
        " come and go too fast",
    ];
    let is_of_others = |line: &&str| of_others.iter().any(|words| line.contains(words));
    let (of_others, complaints): (Vec<&str>, Vec<&str>) = ran.stderr.lines().partition(is_of_others);
    let is_denied = complaints.len() == 1 && complaints[0].contains("the answer may be incomplete");
    match ran.code() {
        Some(0) => assert_eq!(ran.stderr, "", "{ran:?}"),
        Some(2) if is_denied => assert!(witness::ns_link(1, "net").is_none(), "{ran:?}"),
        Some(2) => assert!(complaints.is_empty() && !of_others.is_empty(), "{ran:?}"),
        _ => panic!("{ran:?}"),
    }
    parse(&ran.stdout)
}

/// The kernel's spelling of a namespace.
pub(crate) fn link(ns_type: &str, ino: u64) -> String {
    format!("{ns_type}:[{ino}]")
}

/// The processes that records tell.
pub(crate) fn pids(records: &[Value]) -> BTreeSet<u32> {
    records.iter().map(|record| u32::try_from(record["pid"].as_u64().unwrap()).unwrap()).collect()
}
