//! Engines that systemd would start for whoever connects, and those who only want to know what is there.

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;

use crate::podman::prepare;
use crate::suite::Suite;
use crate::watch_asleep::UNITS;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("asleep::docker_is_not_started", docker_is_not_started),
        suite.trial("asleep::completion_knows_what_a_sleeper_runs", completion_knows_what_a_sleeper_runs),
    ]
}

fn is_active(machine: &Machine, unit: &str) -> String {
    machine.run(&["systemctl", "is-active", unit]).stdout.trim().to_owned()
}

fn docker_is_not_started(machine: &Machine) -> Result<(), Failed> {
    machine.script(UNITS, &["abed"])?;
    machine.script("systemctl stop abed.service", &[])?;
    let asked = |words: &[&str]| {
        let _ = machine.run(&[&["env", "DOCKER_HOST=unix:///run/abed.sock"], words].concat());
        is_active(machine, "abed.service")
    };
    for words in [
        &["nicon-resolve", "*"][..],
        &["nicon-resolve", "nobody.**"],
        &["nicon-resolve", "--of=pid:1"],
        &["nicon-resolve", "--no-start", "nobody"],
        &["nicon", "complete", "--", "nicon-resolve "],
        &["nicon", "complete", "--", "nicon exec nobody."],
        &["nicon", "complete", "--", "nicon capture nobody "],
    ] {
        assert_eq!(asked(words), "inactive", "{words:?}");
    }
    // Nothing else kept it from starting.
    assert_eq!(asked(&["docker", "ps"]), "active");
    machine.script("systemctl stop abed.service abed.socket", &[])?;
    Ok(())
}

fn completion_knows_what_a_sleeper_runs(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    machine.run(&["podman", "run", "--detach", "--network=none", "--name=dozes", "image", "sleep", "600"]).ok()?;
    machine.script("systemctl stop podman.service", &[])?;
    let offered = machine.run(&["nicon", "complete", "--", "nicon exec podman:doz"]).ok()?;
    assert_eq!(offered, "words\npodman:dozes\tpodman");
    assert_eq!(is_active(machine, "podman.service"), "inactive");
    machine.run(&["podman", "rm", "--force", "--time=0", "dozes"]).ok()?;
    Ok(())
}
