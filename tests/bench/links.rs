//! Links: moved, made and listed in numbers, beside what `ip` needs for the same.

use std::path::Path;
use std::process::Command;

use nicon_lab::{NetPlace, command, tool};
use serde_json::json;

use crate::measure::{Comparison, Contender, compare};

/// Links of a batch.
const BATCH: usize = 200;

/// Pairs of the namespace that is listed: two links each.
const PAIRS: usize = 500;

/// Where the input of the programs goes; `/run` is the benchmark's own.
const MOVES: &str = "/run/moves";
const PAIRING: &str = "/run/pairing";

/// A batch of moves into one container, for each program to carry out.
pub(crate) struct Moves(NetPlace);

impl Moves {
    pub(crate) fn prepare() -> Result<Self, String> {
        NetPlace::new().map(Self)
    }

    pub(crate) fn by_nicon(&self, bins: &Path) -> Result<Command, String> {
        let pid = self.0.pid();
        let records = each(|n| json!({"pid": pid, "link": format!("m{n}"), "name": format!("e{n}")}).to_string());
        write(MOVES, &records)?;
        make_links();
        Ok(fed(bins, "nicon-linkmv", MOVES))
    }

    pub(crate) fn by_ip(&self) -> Result<Command, String> {
        let pid = self.0.pid();
        write(MOVES, &each(|n| format!("link set m{n} netns {pid} name e{n} up")))?;
        make_links();
        Ok(ip(&["-batch", MOVES]))
    }

    fn by_bare_requests(&self, bins: &Path) -> Command {
        make_links();
        let mut bare = command(bins, "nicon-bench-netlink");
        bare.args(["move", &self.0.pid().to_string(), &BATCH.to_string()]);
        bare
    }

    fn by_many_ips(&self) -> Result<Command, String> {
        let pid = self.0.pid();
        write(MOVES, &each(|n| format!("ip link set m{n} netns {pid} name e{n} up || exit")))?;
        make_links();
        let mut shell = tool("sh");
        shell.arg(MOVES);
        Ok(shell)
    }
}

impl Drop for Moves {
    fn drop(&mut self) {
        delete_links();
    }
}

fn make_links() {
    delete_links();
    batch(&each(|n| format!("link add m{n} type veth peer name p{n}")), false);
}

/// Deleting the ends that stay deletes those that are moved.
fn delete_links() {
    batch(&each(|n| format!("link del p{n}")), true);
}

/// A batch of moves into one container.
pub(crate) fn moves(bins: &Path) -> Result<Comparison, String> {
    let moves = Moves::prepare()?;
    let by = |name, command: &'static dyn Fn(&Moves, &Path) -> Result<Command, String>| Contender {
        name,
        runs: 5,
        ends: &[0],
        input: None,
        command: Box::new(|| command(&moves, bins).expect("write the batch")),
    };
    compare(
        "200 links moved, renamed and brought up",
        &[
            by("nicon-linkmv, one batch", &|moves, bins| moves.by_nicon(bins)),
            by("ip -batch", &|moves, _| moves.by_ip()),
            by("200 times ip", &|moves, _| moves.by_many_ips()),
            by("the bare 200 requests", &|moves, bins| Ok(moves.by_bare_requests(bins))),
        ],
    )
}

/// Pairs between two containers: made in their places, or made here and moved.
pub(crate) fn pairs(bins: &Path) -> Result<Comparison, String> {
    let places = [NetPlace::new()?, NetPlace::new()?];
    let pids = places.each_ref().map(NetPlace::pid);
    let end = |pid: u32, name: &str, n: usize| json!({"pid": pid, "pair": n.to_string(), "name": format!("{name}{n}")});
    let records = each(|n| format!("{}\n{}", end(pids[0], "l", n), end(pids[1], "r", n)));
    write(&format!("{PAIRING}.ndjson"), &records)?;
    let moved = each(|n| {
        format!(
            "link add l{n} type veth peer name r{n}\nlink set l{n} netns {} up\nlink set r{n} netns {} up",
            pids[0], pids[1]
        )
    });
    write(PAIRING, &moved)?;
    write(&format!("{PAIRING}.del"), &each(|n| format!("link del l{n}")))?;
    let fresh = |command: Command| {
        let mut delete = tool("nsenter");
        delete.arg(format!("--net=/proc/{}/ns/net", pids[0])).args(["ip", "-force", "-batch"]);
        // At first there is nothing to delete.
        let _ = delete.arg(format!("{PAIRING}.del")).output();
        command
    };
    compare(
        "200 pairs between two containers, up",
        &[
            Contender {
                name: "nicon-veth, one batch",
                runs: 9,
                ends: &[0],
                input: None,
                command: Box::new(|| fresh(fed(bins, "nicon-veth", &format!("{PAIRING}.ndjson")))),
            },
            Contender {
                name: "ip -batch: create, then move both ends",
                runs: 3,
                ends: &[0],
                input: None,
                command: Box::new(|| fresh(ip(&["-batch", PAIRING]))),
            },
        ],
    )
}

/// A namespace with a thousand links.
pub(crate) fn list(bins: &Path) -> Result<Comparison, String> {
    let numbers = 0..PAIRS;
    let make: Vec<String> = numbers.clone().map(|n| format!("link add a{n} type veth peer name b{n}")).collect();
    batch(&make.join("\n"), false);
    let comparison = compare(
        "The links of a namespace with 1,000 veths",
        &[
            Contender {
                name: "nicon-links -t host",
                runs: 50,
                ends: &[0],
                input: None,
                command: Box::new(|| {
                    let mut links = command(bins, "nicon-links");
                    links.args(["-t", "host"]);
                    links
                }),
            },
            Contender {
                name: "ip -j -d link",
                runs: 50,
                ends: &[0],
                input: None,
                command: Box::new(|| ip(&["-j", "-d", "link"])),
            },
            Contender {
                name: "the bare lists",
                runs: 50,
                ends: &[0],
                input: None,
                command: Box::new(|| {
                    let mut bare = command(bins, "nicon-bench-netlink");
                    bare.arg("list");
                    bare
                }),
            },
            Contender {
                name: "ip -j -d addr",
                runs: 50,
                ends: &[0],
                input: None,
                command: Box::new(|| ip(&["-j", "-d", "addr"])),
            },
        ],
    );
    let delete: Vec<String> = numbers.map(|n| format!("link del a{n}")).collect();
    batch(&delete.join("\n"), true);
    comparison
}

fn each(line: impl Fn(usize) -> String) -> String {
    (0..BATCH).map(line).collect::<Vec<_>>().join("\n")
}

pub(crate) fn write(path: &str, text: &str) -> Result<(), String> {
    std::fs::write(path, format!("{text}\n")).map_err(|error| format!("write {path}: {error}"))
}

pub(crate) fn ip(words: &[&str]) -> Command {
    let mut command = tool("ip");
    command.args(words);
    command
}

/// One of nicon's programs with a file as its standard input.
pub(crate) fn fed(bins: &Path, program: &str, input: &str) -> Command {
    let mut shell = tool("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" <$INPUT"]).arg(bins.join(program)).env("INPUT", input);
    shell
}

/// Runs `ip -batch`; what fails is passed over where `force` says that it may.
pub(crate) fn batch(lines: &str, force: bool) {
    const FILE: &str = "/run/batch";
    let force: &[&str] = if force { &["-force"] } else { &[] };
    let done = write(FILE, lines).map(|()| ip(force).args(["-batch", FILE]).output());
    assert!(matches!(done, Ok(Ok(output)) if output.status.success() || !force.is_empty()), "ip -batch failed");
}
