//! nicon-nsfind and nicon-nsid on a machine with few, many, and very many processes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nicon_lab::{command, tool};

use crate::measure::{Comparison, Contender, compare};

/// How many processes there are besides the machine's own.
const CROWDS: [usize; 3] = [200, 2_000, 10_000];

/// Starts processes until there are as many as each line of its input says.
const GATHER: &str = r#"i=0; while read -r many; do
    while [ $i -lt "$many" ]; do sleep infinity & i=$((i+1)); done; echo ready
done"#;

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
    ];
    compare(title, &contenders)
}

fn namespaces_of(bins: &Path, title: &str, crowd: &Crowd) -> Result<Comparison, String> {
    let pid = crowd.0.id().to_string();
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
    Contender { name, runs, command: Box::new(command), ends: &[0, 2] }
}

fn with(mut command: Command, words: &[&str]) -> Command {
    command.args(words);
    command
}

/// Sleeping processes in namespaces of their own, all killed when it ends, or we do.
struct Crowd(Child);

impl Crowd {
    fn start(namespaces: &[&str]) -> Result<Self, String> {
        let mut shell = tool("setpriv");
        shell.args(["--pdeathsig", "KILL", "unshare"]).args(namespaces).args(["sh", "-c", GATHER]);
        let shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        shell.spawn().map(Self).map_err(|error| format!("start a crowd: {error}"))
    }

    fn grow(&mut self, many: usize) -> Result<(), String> {
        let (Some(stdin), Some(stdout)) = (&mut self.0.stdin, &mut self.0.stdout) else {
            return Err("the crowd has no pipes".into());
        };
        writeln!(stdin, "{many}").map_err(|error| format!("tell the crowd to grow: {error}"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|error| format!("wait for the crowd: {error}"))?;
        if line == "ready\n" { Ok(()) } else { Err(format!("the crowd said {line:?}")) }
    }

    fn netns(&self) -> Result<String, String> {
        let link = std::fs::read_link(format!("/proc/{}/ns/net", self.0.id()));
        link.map(|link| link.display().to_string()).map_err(|error| format!("find the crowd: {error}"))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // `unshare --kill-child` takes the first process of the PID namespace along, and the kernel the others.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
