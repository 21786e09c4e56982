//! nicon-resolve --watch and Podman, root's and users', of which no service runs.

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;

use crate::podman::prepare;
use crate::suite::Suite;
use crate::users::{DAVE, undisturbed_trial};
use crate::watching::Watching;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        undisturbed_trial(suite, "watch_podman::of_root", of_root),
        undisturbed_trial(suite, "watch_podman::of_a_user", of_a_user),
    ]
}

fn of_root(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    machine.script("systemctl start podman.socket", &[])?;
    let mut watching = Watching::start(machine, &[], &["podman:watched-*", "podman:watched-path"])?;
    watching.expect("podman:watched-path", "gone");
    follow(machine, &mut watching, &["podman"], "podman:")?;
    // A pod: its containers, and its infrastructure, each once.
    machine.script("podman pod create --name watched-pod --network=none --share=pid,ipc,net,uts", &[])?;
    machine
        .run(&["podman", "run", "--detach", "--pod=watched-pod", "--name=watched-in-pod", "image", "sleep", "600"])
        .ok()?;
    watching.expect("podman:watched-in-pod", "arrived");
    machine.run(&["podman", "pod", "rm", "--force", "--time=0", "watched-pod"]).ok()?;
    watching.expect("podman:watched-in-pod", "gone");
    assert_eq!(machine.run(&["systemctl", "is-active", "podman.service"]).stdout.trim(), "inactive");
    Ok(())
}

fn of_a_user(machine: &Machine) -> Result<(), Failed> {
    crate::found::prepare(machine);
    let podman = crate::found::podman_of(&DAVE);
    for (caller, owner) in [(&[][..], "dave@"), (&["as", DAVE.name], "dave@podman:")] {
        let [pattern, nobody] = ["watched-*", "nobody"].map(|name| format!("{owner}{name}"));
        let mut watching = Watching::start(machine, caller, &[&pattern, &nobody])?;
        watching.expect(&nobody, "gone");
        follow(machine, &mut watching, &podman, owner)?;
    }
    let active = machine.run(&["as", DAVE.name, "systemctl", "--user", "is-active", "podman.service"]);
    assert_eq!(active.stdout.trim(), "inactive");
    Ok(())
}

/// What happens to a container of this engine is told, and of its end and its new beginning.
fn follow(machine: &Machine, watching: &mut Watching<'_>, podman: &[&str], owner: &str) -> Result<(), Failed> {
    let run = |words: &[&str]| machine.run(&[podman, words].concat()).ok();
    let pid = |name: &str| run(&["inspect", "--format", "{{.State.Pid}}", name]);
    let path = |name: &str| format!("{owner}{name}");
    // What a test has left that failed.
    let _ = run(&["rm", "--force", "--time=0", "--ignore", "watched-one", "watched-other"]);
    for runtime in ["--runtime=crun", "--runtime=runc"] {
        let words = ["run", "--detach", "--network=none", "--name=watched-one", "image", "sleep", "600"];
        machine.run(&[podman, &[runtime], &words].concat()).ok()?;
        watching.expect_process(&path("watched-one"), "arrived", &pid("watched-one")?);
        run(&["rename", "watched-one", "watched-other"])?;
        let renamed = watching.expect_process(&path("watched-other"), "changed", &pid("watched-other")?);
        assert_eq!(renamed["was"]["target"], path("watched-one"), "{renamed}");
        run(&["restart", "--time=0", "watched-other"])?;
        watching.expect(&path("watched-other"), "gone");
        watching.expect_process(&path("watched-other"), "arrived", &pid("watched-other")?);
        run(&["rm", "--force", "--time=0", "watched-other"])?;
        watching.expect(&path("watched-other"), "gone");
    }
    Ok(())
}
