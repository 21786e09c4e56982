//! Engines that systemd would start for whoever connects, and those who only want to know what is there.

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;

use crate::podman::prepare;
use crate::suite::Suite;
use crate::watch_asleep::UNITS;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("asleep::docker_is_not_started", docker_is_not_started),
        suite.trial("asleep::podman_is_not_started_for_a_user", podman_is_not_started_for_a_user),
        suite.trial("asleep::completion_knows_what_a_sleeper_runs", completion_knows_what_a_sleeper_runs),
    ]
}

fn is_active(machine: &Machine, unit: &str) -> String {
    machine.run(&["systemctl", "is-active", unit]).stdout.trim().to_owned()
}

fn docker_is_not_started(machine: &Machine) -> Result<(), Failed> {
    machine.script(UNITS, &["abed"])?;
    machine.script("systemctl stop abed.service", &[])?;
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
        assert_eq!(asked(words), "inactive", "{words:?}");
    }
    // Where its files are is not known, so that nobody knows what runs.
    let refused = ask(&["nicon-resolve", "*"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    let told = "docker at /run/abed.sock is not running, and DOCKER_HOST does not say where its files are";
    assert!(refused.stderr.contains(told), "{refused:?}");
    // Nothing else kept it from starting.
    assert_eq!(asked(&["docker", "ps"]), "active");
    let answered = ask(&["nicon-resolve", "*"]);
    assert_eq!(answered.code(), Some(1), "{answered:?}");
    assert!(answered.stderr.contains("no running container matches"), "{answered:?}");
    machine.script("systemctl stop abed.service abed.socket", &[])?;
    Ok(())
}

/// A user who may ask root's engine cannot see what root's systemd holds.
fn podman_is_not_started_for_a_user(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let allow = "systemctl stop podman.service && systemctl start podman.socket &&
        chmod 711 /run/podman && chgrp games /run/podman/podman.sock && chmod 660 /run/podman/podman.sock";
    machine.script(allow, &[])?;
    let user = ["setpriv", "--reuid=games", "--regid=games", "--clear-groups", "env", "HOME=/nowhere"];
    for words in [&["nicon-resolve", "podman:*"][..], &["nicon-resolve", "--no-start", "podman:nobody"]] {
        let ran = machine.run(&[&user[..], words].concat());
        assert_eq!(is_active(machine, "podman.service"), "inactive", "{ran:?}");
    }
    // Nothing else kept it from starting, and one that a user listens for is asked.
    let ping =
        "perl -MIO::Socket::UNIX -e 'print IO::Socket::UNIX->new(Peer => $ARGV[0]) ? 1 : 0' /run/podman/podman.sock";
    assert_eq!(machine.run(&[&user[..], &["sh", "-c", ping]].concat()).ok()?, "1");
    machine.script("until systemctl is-active --quiet podman.service; do sleep 0.05; done", &[])?;
    let answered = machine.run(&[&user[..], &["nicon-resolve", "podman:*"]].concat());
    assert!(!answered.stderr.contains("Permission denied"), "{answered:?}");
    machine.script("chmod 700 /run/podman; chgrp root /run/podman/podman.sock; systemctl stop podman.service", &[])?;
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
