//! nicon-resolve, many containers at once.

use std::path::Path;
use std::process::Command;

use nicon_lab::{Lab, command, tool};

use crate::crowd::Crowd;
use crate::measure::{Comparison, Contender, compare};
use crate::start;

/// How many containers run under the outer daemon.
const CONTAINERS: usize = 300;

/// How many of them are asked for by name in one call.
const PATHS: usize = 50;

/// How many processes there are that have nothing to do with containers.
const CROWDS: [usize; 2] = [200, 10_000];

/// What tells the engines' own PIDs at each level; which processes these are on the host it does not tell.
const AT_EACH_LEVEL: &str = "all='docker ps -q | xargs docker inspect'
sh -c \"$all\"
docker exec setup sh -c \"$all\"
docker exec setup docker exec olt_1 sh -c \"$all\"";

/// Compares growth with depth, with other processes, and with the number of containers.
pub(crate) fn run(lab: &Lab, bins: &Path) -> Result<Vec<Comparison>, String> {
    lab.run_daemon_container("setup.olt_1", "deep", &[])?;
    lab.run_container("setup.olt_1.deep", "leaf", &[])?;
    let mut comparisons = vec![depths(bins)?];
    let mut crowd = Crowd::start(&["--pid", "--fork", "--kill-child"])?;
    for many in CROWDS {
        crowd.grow(many)?;
        let paths = [("the same path", "setup.olt_1.lt_1"), ("all, with few containers", "**")];
        let contenders = paths.map(|(name, path)| contender(name, 100, || resolve(bins, &[path])));
        comparisons.push(compare(&format!("A path, and all containers, beside {many} other processes"), &contenders)?);
    }
    drop(crowd);
    lab.remove("setup.olt_1", "deep")?;
    start::each(0..CONTAINERS, 4, |number| lab.run_container("", &name(number), &[]).map(drop))?;
    comparisons.extend(many(bins)?);
    Ok(comparisons)
}

fn depths(bins: &Path) -> Result<Comparison, String> {
    let paths = ["setup", "setup.olt_1", "setup.olt_1.lt_1", "setup.olt_1.deep.leaf"];
    compare("A container one to four daemons deep", &paths.map(|path| contender(path, 200, || resolve(bins, &[path]))))
}

fn many(bins: &Path) -> Result<[Comparison; 3], String> {
    let names: Vec<String> = (0..PATHS).map(name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let shell = |script: &'static str| {
        let mut shell = tool("sh");
        shell.args(["-c", script]);
        shell
    };
    let inspect = || {
        let mut docker = tool("docker");
        docker.arg("inspect").args(&names);
        docker
    };
    let floor = || {
        let mut floor = command(bins, "nicon-bench-floor");
        floor.args((0..CONTAINERS).flat_map(|number| ["/run/docker.sock".to_owned(), name(number)]));
        floor
    };
    Ok([
        compare(
            &format!("All of {CONTAINERS} containers under one daemon"),
            &[
                contender("nicon-resolve '*'", 40, || resolve(bins, &["*"])),
                contender("docker ps -q | xargs docker inspect", 40, || shell("docker ps -q | xargs docker inspect")),
                contender("a bare GET for each, over a known socket", 40, floor),
            ],
        )?,
        compare(
            &format!("All of {CONTAINERS} containers, and those two daemons further in"),
            &[
                contender("nicon-resolve '**'", 40, || resolve(bins, &["**"])),
                contender("the same docker commands at each level", 40, || shell(AT_EACH_LEVEL)),
            ],
        )?,
        compare(
            &format!("{PATHS} containers by name"),
            &[
                contender("nicon-resolve NAME...", 100, || resolve(bins, &names)),
                contender("docker inspect NAME...", 100, inspect),
            ],
        )?,
    ])
}

fn name(number: usize) -> String {
    format!("many-{number}")
}

fn contender<'a>(name: &'a str, runs: usize, command: impl Fn() -> Command + 'a) -> Contender<'a> {
    Contender { name, runs, command: Box::new(command), ends: &[0], input: None }
}

fn resolve(bins: &Path, words: &[&str]) -> Command {
    let mut resolve = command(bins, "nicon-resolve");
    resolve.args(words);
    resolve
}
