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
    // A user who may ask it cannot see what root's systemd holds.
    machine.script("chgrp games /run/abed.sock", &[])?;
    let user = ["setpriv", "--reuid=games", "--regid=games", "--clear-groups"];
    let ask = |words: &[&str]| machine.run(&[&["env", "DOCKER_HOST=unix:///run/abed.sock"], words].concat());
    let asked = |words: &[&str]| {
        ask(words);
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
        for by in [&[][..], &user] {
            assert_eq!(asked(&[by, words].concat()), "inactive", "{by:?} {words:?}");
        }
    }
    // Where its files are is not known, so that nobody knows what runs.
    let refused = ask(&["nicon-resolve", "*"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    let told = "docker at /run/abed.sock is not running, and DOCKER_HOST does not say where its files are";
    assert!(refused.stderr.contains(told), "{refused:?}");
    // Nothing else kept it from starting, and then the user is answered as well.
    assert_eq!(asked(&["docker", "ps"]), "active");
    for by in [&[][..], &user] {
        let answered = ask(&[by, &["nicon-resolve", "*"]].concat());
        assert_eq!(answered.code(), Some(1), "{answered:?}");
        assert!(answered.stderr.contains("no running container matches"), "{answered:?}");
    }
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
