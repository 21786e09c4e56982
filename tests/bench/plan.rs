//! One machine's half of plans that grow: ten times the machines and the links each time, beside only reading the same YAML.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use nicon_lab::{command, tool};

use crate::measure::{Comparison, Contender, compare};

/// How many machines the plans are for. Each has a hundred links for each machine, every second one between two.
const MACHINES: [usize; 3] = [2, 20, 200];

const READ: &str = "import sys, yaml; yaml.load(open(sys.argv[1]), Loader=yaml.CSafeLoader)";

fn plan(machines: usize) -> String {
    let mut plan = "name: big\nmachines:\n".to_owned();
    for machine in 0..machines {
        writeln!(plan, "  m{machine}: {{address: 10.0.{}.{}}}", machine / 200, machine % 200 + 1).unwrap();
    }
    plan += "nodes:\n";
    for machine in 0..machines {
        writeln!(plan, "  \"m{machine}-*\": {{on: m{machine}}}").unwrap();
    }
    plan += "links:\n";
    for link in 0..machines * 100 {
        let one = link * 7 % machines;
        let other = if link % 2 == 0 { one } else { (one + 1 + link % (machines - 1)) % machines };
        let (from, to) = (link % 100, (link + 7) % 100);
        writeln!(plan, "- endpoints: [\"m{one}-n{from}:e{link}\", \"m{other}-n{to}:f{link}\"]").unwrap();
    }
    plan
}

/// The halves of plans for so many machines.
pub(crate) fn halves(bins: &Path) -> Result<Vec<Comparison>, String> {
    let half = |machines: usize| {
        let path = format!("/run/plan-{machines}.yaml");
        fs::write(&path, plan(machines)).map_err(|error| format!("write {path}: {error}"))?;
        let nicon = || {
            let mut nicon = command(bins, "nicon-plan");
            nicon.args(["--on", "m1", "--json", &path]);
            nicon
        };
        let python = || -> Command {
            let mut python = tool("/usr/bin/python3");
            python.args(["-c", READ, &path]);
            python
        };
        let title = format!("the half of one machine of {machines}, with {} links", machines * 100);
        let contender = |name, command| Contender { name, runs: 11, command, ends: &[0], input: None };
        compare(
            &title,
            &[
                contender("nicon-plan --on", Box::new(nicon) as Box<dyn Fn() -> Command>),
                contender("python3: yaml.CSafeLoader, which only reads it", Box::new(python)),
            ],
        )
    };
    MACHINES.into_iter().map(half).collect()
}
