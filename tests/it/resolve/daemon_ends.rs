//! Daemons that end between two questions: what looked for engines in a container has met the daemon itself, and what lists its
//! containers meets the files that it has left.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool, until, witness};

use crate::support::expect::is_process;
use crate::support::suite::Suite;
use crate::support::watching::Watching;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::daemon_ends::while_a_pattern_is_found", while_a_pattern_is_found),
        suite.trial("resolve::daemon_ends::while_a_watch_looks", while_a_watch_looks),
    ]
}

/// A daemon that keeps its containers, in a container that outlives it, with a container of its own.
struct Dusk<'a> {
    lab: &'a Lab,
    daemon: u32,
    kept: u32,
}

impl<'a> Dusk<'a> {
    fn new(lab: &'a Lab, name: &str) -> Result<Self, Failed> {
        lab.run_daemon_command("", name, &[], &["sh", "-c", "dockerd --live-restore; exec sleep infinity"])?;
        lab.run_container(name, "kept", &[])?;
        let is_daemon =
            |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "dockerd\n");
        let inside = witness::family(lab.host_pid(name)?);
        let daemon = inside.into_iter().map(|(pid, _)| pid).find(is_daemon).ok_or("no daemon")?;
        Ok(Self { lab, daemon, kept: lab.host_pid(&format!("{name}.kept"))? })
    }

    /// The connections that the daemon has accepted of one of these processes, whoever else asks it meanwhile: `ss` tells of each socket
    /// the other end.
    fn connections(&self, asking: &[(u32, u64)]) -> BTreeSet<String> {
        let told = output_within(tool("ss").args(["-H", "-x", "-a"]), LIMIT).unwrap().stdout;
        let (accepted, theirs) =
            (sockets(self.daemon), asking.iter().flat_map(|(pid, _)| sockets(*pid)).collect::<BTreeSet<_>>());
        let rows = told.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
        let ends = rows.filter_map(|row| Some((row.get(5)?.to_string(), row.get(7)?.to_string())));
        ends.filter(|(own, other)| accepted.contains(own) && theirs.contains(other)).map(|(own, _)| own).collect()
    }

    /// Ends the daemon as soon as it has accepted another connection of one of the family of a process, which has not asked anything yet.
    fn end_after(&self, before: &BTreeSet<String>, asking: impl Fn() -> Vec<(u32, u64)>) -> Result<(), Failed> {
        until("a connection", || (!self.connections(&asking()).is_subset(before)).then_some(()));
        Ok(self.lab.signal(self.daemon, "KILL")?)
    }
}

/// The inode numbers of the sockets that a process has.
fn sockets(pid: u32) -> BTreeSet<String> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    let number = |link: PathBuf| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
    links.filter_map(number).collect()
}

/// nicon-resolve, with two seconds between a connection and each question. It ends with strace, which would let it go on alone.
fn hesitant(suite: &Suite, words: &[&str]) -> Result<Command, Failed> {
    let mut strace = tool("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e", "inject=sendto:delay_enter=2000000"]);
    strace.args(["setpriv", "--pdeathsig", "KILL"]);
    strace.arg(suite.bins()?.join("nicon-resolve")).args(["--timeout", "30"]).args(words);
    Ok(strace)
}

fn while_a_pattern_is_found(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let dusk = Dusk::new(lab, "dusk")?;
    let finding = hesitant(suite, &["--pid", "dus*.*"])?.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    dusk.end_after(&BTreeSet::new(), || witness::family(finding.id()))?;
    let ran = finding.wait_with_output()?;
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(String::from_utf8_lossy(&ran.stdout), format!("{}\n", dusk.kept), "{said}");
    assert_eq!((&said[..], ran.status.code()), ("", Some(0)));
    Ok(lab.remove("", "dusk")?)
}

fn while_a_watch_looks(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let dusk = Dusk::new(lab, "nightfall")?;
    let mut watching = Watching::of(&mut hesitant(suite, &["--watch", "nightfall.**"])?)?;
    is_process(&watching.expect("nightfall.kept", "present"), dusk.kept);
    let before = dusk.connections(&watching.processes());
    let id = lab.run_container("nightfall", "last", &[])?;
    dusk.end_after(&before, || watching.processes())?;
    let is_last = |pid: &u32| {
        let of = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        of("cgroup").contains(&id) && of("comm") == "sleep\n"
    };
    let last = witness::pids().into_iter().find(is_last).ok_or("it has no process")?;
    is_process(&watching.expect("nightfall.last", "arrived"), last);
    let others = watching.drain();
    assert!(others.is_empty(), "{others:?}; {}", watching.said());
    Ok(lab.remove("", "nightfall")?)
}
