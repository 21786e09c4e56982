//! What check.yml, report.yml and failures tell: what cannot be as the plan says, what was done before, a part of the machines, lost ones.

use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use nicon_lab::fleet::lab::{links_on, run_all_containers, run_containers};
use nicon_lab::fleet::{ADDRESSES, Fleet, NAMES};
use serde_json::Value;

use crate::shared::{Played, Shared, destroy, play};

pub(crate) fn trials(fleet: &Shared) -> Vec<Trial> {
    vec![
        fleet.trial("checks::what_cannot_be", what_cannot_be),
        fleet.trial("checks::a_failure_tells_what_was_done", a_failure_tells_what_was_done),
        fleet.trial("checks::a_part_of_the_machines", a_part_of_the_machines),
        fleet.trial("checks::lost_machines", lost_machines),
    ]
}

/// What is told where nothing else is to be told.
const WHOLE: &str = "all machines are as the plan says";

/// What a shell script does in a container of its machine, before its own arguments.
const IN_CONTAINER: &str = "nsenter -t $(docker inspect --format '{{.State.Pid}}' $1) -n ";

/// Writes a plan with these links.
fn plan(fleet: &Fleet, links: &[&str]) -> Result<PathBuf, String> {
    let machines = NAMES.iter().zip(ADDRESSES).map(|(name, address)| format!("  {name}: {{address: {address}}}\n"));
    let links = links.iter().map(|link| format!("- {link}\n"));
    let text = format!(
        "name: checks\nmachines:\n{}nodes: {{\"m1-*\": {{on: lab1}}, \"m2-*\": {{on: lab2}}, \"m3-*\": {{on: lab3}}}}\nlinks:\n{}",
        machines.collect::<String>(),
        links.collect::<String>()
    );
    fleet.write("checks.yaml", &text)
}

/// Makes sure that it has failed or not, and what it said, and what not.
#[track_caller]
fn told(played: &Played, is_success: bool, parts: &[&str], others: &[&str]) {
    assert_eq!(played.is_success(), is_success, "{}", played.text());
    for (is_there, parts) in [(true, parts), (false, others)] {
        for part in parts {
            assert_eq!(played.text().contains(part), is_there, "{part}: {}", played.text());
        }
    }
}

/// A clear no of nicon-wire has no record, unlike a difference, and the same status.
fn what_cannot_be(fleet: &Fleet) -> Result<(), Failed> {
    let plan = plan(fleet, &["{kind: macvlan, endpoint: \"m1-n1:mv\", parent: below}"])?;
    run_containers(fleet, 0)?;
    let machine = fleet.machine(0)?;
    let in_container = |script: &str| machine.script(&format!("{IN_CONTAINER}{script}"), &["m1-n1"]).map(drop);
    let says = |playbook: &str, words: &[&str], is_success: bool, why: &str| -> Result<Played, Failed> {
        let played = play(fleet, playbook, &plan, words)?;
        told(&played, is_success, &["lab1: m1-n1:mv: ", why], &["lab2: "]);
        Ok(played)
    };
    let checked = says("check.yml", &[], false, "below")?;
    assert_eq!(checked.counts("failed"), [1, 0, 0], "{}", checked.text());
    says("report.yml", &[], true, "below")?;
    says("wire.yml", &["--check"], false, "below")?;
    machine.script("ip link add below type veth peer name beside", &[])?;
    in_container("ip link add mv type bridge")?;
    says("check.yml", &[], false, "mv already exists in m1-n1")?;
    in_container("ip link del mv")?;
    says("check.yml", &[], false, "it is not as the plan says")?;
    machine.script("ip link del below", &[])?;
    Ok(())
}

/// What nicon's module answered on a machine on which it has failed.
#[track_caller]
fn failure(played: &Played, host: &str) -> Value {
    let text = played.text();
    let begin = format!("fatal: [{host}]: FAILED! => ");
    let line = text.lines().find_map(|line| line.strip_prefix(&begin)).unwrap_or_else(|| panic!("no failure: {text}"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// A run that removes links and fails then says which: nothing else knows of them any more.
fn a_failure_tells_what_was_done(fleet: &Fleet) -> Result<(), Failed> {
    let (stays, goes) = ("{kind: bridge, endpoint: \"m1-n1:stays\"}", "{kind: bridge, endpoint: \"m1-n1:goes\"}");
    let before = plan(fleet, &[stays, goes])?;
    run_containers(fleet, 0)?;
    told(&play(fleet, "wire.yml", &before, &[])?, true, &[], &[]);
    let has_gone = || links_on(fleet, 0).map(|links| !links.iter().any(|(name, ..)| name == "goes"));

    // Where something is removed, it may be that what fails before will not fail then.
    let after = plan(fleet, &[stays, "{kind: macvlan, endpoint: \"m1-n1:mv\", parent: nowhere}"])?;
    let wired = play(fleet, "wire.yml", &after, &[])?;
    told(&wired, false, &["lab1: m1-n1:mv: ", "lab1: m1-n1:goes: it was changed"], &[]);
    assert!(has_gone()?, "{}", wired.text());
    let answer = failure(&wired, "lab1");
    let is_there = |answer: &Value, name: &str| {
        answer["links"].as_array().is_some_and(|links| {
            let mut changed = links.iter().filter(|link| link["changed"] == true);
            changed.any(|link| link["link"].as_str().is_some_and(|told| told.ends_with(&format!(":{name}"))))
        })
    };
    assert_eq!((&answer["changed"], is_there(&answer, "goes")), (&true.into(), true), "{answer}");

    // The same of what is taken away only in part: somebody has put a link on one of them.
    let all = plan(fleet, &[stays, goes])?;
    told(&play(fleet, "wire.yml", &all, &[])?, true, &[], &[]);
    let script = |does: &str| fleet.machine(0)?.script(&format!("{IN_CONTAINER}{does}"), &["m1-n1"]).map(drop);
    script("ip link add link stays name others type macvlan")?;
    let gone = play(fleet, "destroy.yml", &all, &[])?;
    told(&gone, false, &["others"], &[]);
    assert!(has_gone()?, "{}", gone.text());
    let answer = failure(&gone, "lab1");
    assert_eq!((&answer["changed"], is_there(&answer, "goes")), (&true.into(), true), "{answer}");
    script("ip link del others")?;
    told(&play(fleet, "destroy.yml", &all, &[])?, true, &[], &[]);
    assert!(links_on(fleet, 0)?.is_empty());
    Ok(())
}

/// Three machines: the first two share a link, the last has one of its own.
fn shared_and_own(fleet: &Fleet) -> Result<PathBuf, Failed> {
    let plan = plan(fleet, &["{endpoints: [\"m1-n1:x\", \"m2-n1:x\"]}", "{endpoints: [\"m3-n1:y\", \"m3-n2:y\"]}"])?;
    run_all_containers(fleet)?;
    told(&play(fleet, "wire.yml", &plan, &[])?, true, &[], &[]);
    Ok(plan)
}

/// `--limit` takes some machines: these are looked at and told of, and nothing is said of the others.
fn a_part_of_the_machines(fleet: &Fleet) -> Result<(), Failed> {
    let plan = shared_and_own(fleet)?;
    fleet.machine(2)?.script(&format!("{IN_CONTAINER}ip link del y"), &["m3-n1"])?;
    told(&play(fleet, "check.yml", &plan, &["--limit", "lab1,lab2"])?, true, &[WHOLE], &["lab3: "]);
    let differs = "lab3: m3-n1:y: it is not as the plan says";
    for limit in ["lab3", "lab2,lab3"] {
        let checked = play(fleet, "check.yml", &plan, &["--limit", limit])?;
        told(&checked, false, &[differs], &["lab1: ", "lab2: "]);
        assert_eq!(checked.count("lab3", "failed"), 1, "{}", checked.text());
    }
    told(&play(fleet, "report.yml", &plan, &["--limit", "lab3"])?, true, &[differs], &["lab1: ", "lab2: "]);
    told(&play(fleet, "wire.yml", &plan, &["--limit", "lab3"])?, true, &[WHOLE], &["lab1: "]);
    told(&play(fleet, "check.yml", &plan, &["--limit", "lab3"])?, true, &[WHOLE], &["lab1: "]);
    destroy(fleet, &plan, &[]).map(drop)
}

/// Whichever they are, and be it all that are asked: they are told, with the links of the others that lead there, and it is a failure.
fn lost_machines(fleet: &Fleet) -> Result<(), Failed> {
    let plan = shared_and_own(fleet)?;
    let without_nicon = play(fleet, "check.yml", &plan, &["-e", "nicon_programs=/nowhere"])?;
    told(&without_nicon, false, &["lab1: ", "lab2: ", "lab3: "], &[WHOLE]);
    fleet.kill_machine(0);
    first_is_lost(fleet, &plan)?;
    fleet.raise_machine(0)?;
    run_containers(fleet, 0)?;
    told(&play(fleet, "wire.yml", &plan, &[])?, true, &[WHOLE], &[]);
    destroy(fleet, &plan, &[]).map(drop)
}

fn first_is_lost(fleet: &Fleet, plan: &Path) -> Result<(), Failed> {
    let (lost, leads) = ("lab1: it was not reached", "lab2: m2-n1:x leads to m1-n1:x on lab1, which is not wired");
    told(&play(fleet, "check.yml", plan, &[])?, false, &[lost, leads], &["lab3: "]);
    told(&play(fleet, "report.yml", plan, &[])?, true, &[lost, leads], &["lab3: "]);
    told(&play(fleet, "check.yml", plan, &["--limit", "lab1"])?, false, &[lost], &["lab2: "]);
    told(&play(fleet, "report.yml", plan, &["--limit", "lab1"])?, true, &[lost], &["lab2: "]);
    // What is not asked of is not lost.
    told(&play(fleet, "check.yml", plan, &["--limit", "lab2"])?, true, &[WHOLE], &["lab1: "]);
    told(&play(fleet, "wire.yml", plan, &[])?, false, &[leads], &["lab3: "]);
    Ok(())
}
