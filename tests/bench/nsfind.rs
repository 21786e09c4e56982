//! nicon-nsfind and nicon-nsid on a machine with few, many, and very many processes.

use std::path::Path;
use std::process::Command;

use nicon_lab::{command, tool};

use crate::crowd::Crowd;
use crate::measure::{Comparison, Contender, compare};

/// How many processes there are besides the machine's own.
const CROWDS: [usize; 3] = [200, 2_000, 10_000];

/// The types of namespaces that the kernel has.
const TYPES: [&str; 8] = ["user", "cgroup", "ipc", "uts", "net", "pid", "mnt", "time"];

/// Compares at each size of the crowd.
pub(crate) fn run(bins: &Path) -> Result<Vec<Comparison>, String> {
    let mut crowd = Crowd::start(&["--pid", "--fork", "--kill-child", "--net"])?;
    let mut loner = Crowd::start(&["--net"])?;
    loner.grow(0)?;
    let mut comparisons = Vec::new();
    for many in CROWDS {
        crowd.grow(many)?;
        comparisons.push(one(bins, &format!("Who is in a network namespace, of {many} processes"), &loner)?);
        comparisons.push(one(bins, &format!("Who leads the {many} processes of a network namespace"), &crowd)?);
        comparisons.push(all(bins, &format!("Every namespace of {many} processes"))?);
        comparisons.push(namespaces_of(bins, &format!("The network namespace of one of {many} processes"), &loner)?);
    }
    Ok(comparisons)
}

fn one(bins: &Path, title: &str, crowd: &Crowd) -> Result<Comparison, String> {
    let netns = crowd.netns()?;
    let contenders = [
        contender("nicon-nsfind net:[...]", 15, || with(command(bins, "nicon-nsfind"), &[&netns])),
        contender("nicon-nsfind -1 net:[...]", 15, || with(command(bins, "nicon-nsfind"), &["-1", &netns])),
        contender("lsns -t net", 5, || with(tool("lsns"), &["-t", "net"])),
        contender("floor: one readlinkat for each process", 15, || with(command(bins, "nicon-bench-walk"), &[&netns])),
    ];
    compare(title, &contenders)
}

fn all(bins: &Path, title: &str) -> Result<Comparison, String> {
    let contenders = [
        contender("nicon-nsfind --list", 9, || with(command(bins, "nicon-nsfind"), &["--list"])),
        contender("lsns", 3, || tool("lsns")),
        contender("floor: eight readlinkat for each process", 9, || with(command(bins, "nicon-bench-walk"), &TYPES)),
    ];
    compare(title, &contenders)
}

fn namespaces_of(bins: &Path, title: &str, crowd: &Crowd) -> Result<Comparison, String> {
    let pid = crowd.pid().to_string();
    let link = format!("/proc/{pid}/ns/net");
    let contenders = [
        contender("nicon-nsid PID", 60, || with(command(bins, "nicon-nsid"), &[&pid])),
        contender("nicon-nsid --id net PID", 60, || with(command(bins, "nicon-nsid"), &["--id", "net", &pid])),
        contender("readlink /proc/PID/ns/net", 60, || with(tool("readlink"), &[&link])),
    ];
    compare(title, &contenders)
}

fn contender<'a>(name: &'a str, runs: usize, command: impl Fn() -> Command + 'a) -> Contender<'a> {
    // 2: somebody on this machine, as a rule its PID 1, may not be looked at, and an answer about all must say so.
    Contender { name, runs, command: Box::new(command), ends: &[0, 2], input: None }
}

fn with(mut command: Command, words: &[&str]) -> Command {
    command.args(words);
    command
}
