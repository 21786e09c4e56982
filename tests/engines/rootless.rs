//! Rootless Podman and rootless Docker of users who linger, whose engines are named by their sockets.

use std::sync::Once;

use libtest_mimic::{Failed, Trial};

use crate::expect::{found_by, targets};
use crate::suite::Suite;
use crate::suite::since_trixie;
use crate::users::{ALICE, BOB, CAROL, User, undisturbed};
use crate::{docker, nested, podman};
use nicon_lab::machine::Machine;

/// What people run by Podman, each by a name.
const PODMAN: [(&str, &[&str]); 7] = [
    ("user-by-crun", &["--network=slirp4netns"]),
    ("user-by-runc", &["--runtime=runc", "--network=none"]),
    ("user-keeps-id", &["--userns=keep-id", "--network=none"]),
    ("user-without-own-id", &["--userns=nomap", "--network=none"]),
    ("user-by-host-pid", &["--pid=host", "--network=none"]),
    ("user-without-cgroups", &["--cgroups=disabled", "--network=none"]),
    ("user-privileged", &["--privileged", "--init", "--network=none"]),
];

/// The same by Docker.
const DOCKER: [(&str, &[&str]); 4] = [
    ("user-plain", &[]),
    ("user-host-pid", &["--pid=host", "--network=none"]),
    ("user-host-cgroupns", &["--cgroupns=host", "--network=none"]),
    ("user-privileged", &["--privileged", "--init", "--network=none"]),
];

/// An OCI runtime that says it started another process than it did, so that Podman itself believes it.
const LIAR: &str = r#"#!/bin/sh
crun "$@" || exit
for word; do
    if [ "$option" = --pid-file ]; then cat /home/alice/victim >"$word"; fi
    option=$word
done
"#;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let by_podman = PODMAN.map(|(name, options)| {
        suite.trial(&format!("rootless::podman::{name}"), move |machine| {
            prepare(machine);
            run(machine, &PODMAN_OF_ALICE, name, options)?;
            let name = format!("podman:{name}");
            found_by(machine, &["env", PODMAN_HOST], &name, &PODMAN_OF_ALICE, 0)?;
            found_by(machine, &WITH_PODMAN, &name, &PODMAN_OF_ALICE, 0)
        })
    });
    let by_docker = DOCKER.map(|(name, options)| {
        let trial = suite.trial(&format!("rootless::docker::{name}"), move |machine| {
            prepare(machine);
            run(machine, &docker_of(&ALICE), name, options)?;
            found_by(machine, &["env", ALICE.docker], name, &docker_of(&ALICE), 0)?;
            found_by(machine, &ALICE.with_docker(), name, &docker_of(&ALICE), 0)
        });
        match name {
            "user-host-pid" => since_trixie(trial, "rootless Docker that takes --pid=host"),
            _ => trial,
        }
    });
    let others = [
        suite.trial("rootless::docker::by_context", by_context),
        suite.trial("rootless::docker::in_a_pid_namespace", in_a_pid_namespace),
        suite.trial("rootless::docker::that_does_not_answer", that_does_not_answer),
        suite.trial("rootless::docker::in_docker", in_docker),
        suite.trial("rootless::of_the_same_name", of_the_same_name),
        suite.trial("rootless::that_lies", that_lies),
        suite.trial("rootless::with_the_socket_of_another", with_the_socket_of_another),
    ];
    by_podman.into_iter().chain(by_docker).chain(others).collect()
}

/// What chooses Alice's Podman.
const PODMAN_HOST: &str = "CONTAINER_HOST=unix:///run/user/1000/podman/podman.sock";

/// The words with which a command of hers begins that uses it.
const WITH_PODMAN: [&str; 3] = ["as", ALICE.name, PODMAN_HOST];

/// Her Podman's own command line, which needs no socket.
const PODMAN_OF_ALICE: [&str; 3] = ["as", ALICE.name, "podman"];

fn docker_of(user: &User) -> [&'static str; 4] {
    let [run_as, name, host] = user.with_docker();
    [run_as, name, host, "docker"]
}

/// Alice, and her engines.
fn prepare(machine: &Machine) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        ALICE.add(machine).unwrap();
        ALICE.start_podman(machine).unwrap();
        ALICE.start_docker(machine, "", "--log-level=warn").unwrap();
    });
}

fn run(machine: &Machine, engine: &[&str], name: &str, options: &[&str]) -> Result<String, Failed> {
    let run = [engine, &["run", "--detach", "--name", name], options, &["image", "sleep", "600"]];
    Ok(machine.run(&run.concat()).ok()?)
}

/// The PID of a container, as its engine says.
fn told(machine: &Machine, engine: &[&str], name: &str) -> Result<String, Failed> {
    Ok(machine.run(&[engine, &["inspect", "--format", "{{.State.Pid}}", name]].concat()).ok()?)
}

/// As Docker's set-up tool leaves it: no variable, but a context that is in use.
fn by_context(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    run(machine, &docker_of(&ALICE), "by-context", &["--network=none"])?;
    let endpoint = "host=unix:///run/user/1000/docker.sock";
    machine.run(&["as", ALICE.name, "docker", "context", "create", "rootless", "--docker", endpoint]).ok()?;
    machine.run(&["as", ALICE.name, "docker", "context", "use", "rootless"]).ok()?;
    // Other tests of hers choose by a variable, which precedes it.
    found_by(machine, &["as", ALICE.name], "by-context", &["as", ALICE.name, "docker"], 0)?;
    found_by(machine, &["env", "HOME=/home/alice"], "by-context", &docker_of(&ALICE), 0)
}

/// `rootlesskit` can put the daemon into a PID namespace of its own, where systemd is not asked for cgroups.
fn in_a_pid_namespace(machine: &Machine) -> Result<(), Failed> {
    BOB.add(machine)?;
    BOB.start_docker(machine, "--pidns", "--exec-opt=native.cgroupdriver=cgroupfs")?;
    let engine = docker_of(&BOB);
    for (name, options) in [("apart", &[][..]), ("apart-by-host-pid", &["--pid=host"])] {
        run(machine, &engine, name, &[&["--network=none"], options].concat())?;
        found_by(machine, &["env", BOB.docker], name, &engine, 1)?;
        found_by(machine, &BOB.with_docker(), name, &engine, 1)?;
    }
    // No other user may ask.
    prepare(machine);
    let refused = machine.run(&["as", ALICE.name, BOB.docker, "nicon-resolve", "apart"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("Permission denied"), "{refused:?}");
    Ok(())
}

/// A user's daemon that is stopped is known by the files in the user's home. Root's files are not its own.
fn that_does_not_answer(machine: &Machine) -> Result<(), Failed> {
    let _guard = undisturbed();
    docker::run(machine, "roots-alone", &[])?;
    CAROL.add(machine)?;
    CAROL.start_docker(machine, "", "--log-level=warn")?;
    let engine = docker_of(&CAROL);
    let mut pids = Vec::new();
    for name in ["left-one", "left-two"] {
        run(machine, &engine, name, &["--network=none"])?;
        pids.push(told(machine, &engine, name)?);
    }
    let daemon = machine.run(&["pgrep", "--uid", CAROL.name, "--exact", "dockerd"]).ok()?;
    machine.run(&["kill", "-STOP", &daemon]).ok()?;
    for caller in [&["env", CAROL.docker][..], &CAROL.with_docker()] {
        let ask = |path| machine.run(&[caller, &["nicon-resolve", "--timeout=4", "--pid", path]].concat());
        assert_eq!(ask("left-one").ok()?, pids[0], "{caller:?}");
        let refused = ask("roots-alone");
        assert_eq!(refused.code(), Some(2), "{refused:?}");
        let listed = machine.run(&[caller, &["nicon-resolve", "--timeout=4", "*"]].concat());
        let mut found = targets(&listed.stdout)?;
        found.sort();
        assert_eq!(found, ["left-one", "left-two"], "{listed:?}");
        assert!(!listed.stderr.contains("roots-alone"), "{listed:?}");
    }
    machine.run(&["kill", "-CONT", &daemon]).ok()?;
    Ok(())
}

/// A path goes on below a user's container.
fn in_docker(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    nested::prepare(machine);
    let engine = docker_of(&ALICE);
    machine.run(&[&engine[..], &["import", "/var/tmp/nest.tar", "nest"]].concat()).ok()?;
    let options = ["run", "--detach", "--name=nest", "--privileged", "--volume=/usr:/usr:ro"];
    let nest = ["--volume=/var/tmp:/var/tmp:ro", "nest", "sh", "-c", nested::DOCKER];
    machine.run(&[&engine[..], &options, &nest].concat()).ok()?;
    machine.script("\"$@\"", &[&engine[..], &["exec", "nest", "sh", "-c", nested::IN_DOCKER]].concat())?;
    let inner = [&engine[..], &["exec", "nest", "docker"]].concat();
    found_by(machine, &["env", ALICE.docker], "nest.inner", &inner, 1)?;
    found_by(machine, &ALICE.with_docker(), "nest.inner", &inner, 1)
}

/// Containers of one name, two of root's and two of Alice's, are told apart by whose engine is named; and those that only root
/// has are not found by hers.
fn of_the_same_name(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    podman::prepare(machine);
    docker::run(machine, "twin", &[])?;
    docker::run(machine, "only-roots", &[])?;
    for (engine, name) in [
        (&["podman"][..], "twin"),
        (&["podman"], "only-roots"),
        (&PODMAN_OF_ALICE, "twin"),
        (&docker_of(&ALICE), "twin"),
    ] {
        run(machine, engine, name, &["--network=none"])?;
    }
    for (caller, path, engine) in [
        (&[][..], "docker:twin", &["docker"][..]),
        (&[], "podman:twin", &["podman"]),
        (&["env", ALICE.docker], "docker:twin", &docker_of(&ALICE)),
        (&["env", ALICE.docker], "twin", &docker_of(&ALICE)),
        (&["env", PODMAN_HOST], "podman:twin", &PODMAN_OF_ALICE),
        (&ALICE.with_docker(), "twin", &docker_of(&ALICE)),
        (&WITH_PODMAN, "podman:twin", &PODMAN_OF_ALICE),
    ] {
        found_by(machine, caller, path, engine, 0)?;
    }
    for (setting, path) in [(ALICE.docker, "only-roots"), (PODMAN_HOST, "podman:only-roots")] {
        let refused = machine.run(&["env", setting, "nicon-resolve", path]);
        assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
    }
    Ok(())
}

/// Her Podman has been told that its container is root's process.
fn that_lies(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    docker::run(machine, "victim", &[])?;
    let victim = told(machine, &["docker"], "victim")?;
    let write = "cd /home/alice && printf %s \"$1\" >liar && chmod 755 liar && echo $2 >victim";
    machine.script(write, &[LIAR, &victim])?;
    run(machine, &PODMAN_OF_ALICE, "liar", &["--runtime=/home/alice/liar", "--network=none"])?;
    assert_eq!(told(machine, &PODMAN_OF_ALICE, "liar")?, victim, "Podman believes it");
    let refused = machine.run(&["env", PODMAN_HOST, "nicon-resolve", "podman:liar"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    let reason = "runs as user 1000, who may name only processes in user namespaces of their own";
    assert!(refused.stderr.contains(reason), "{refused:?}");
    let refused = machine.run(&[&WITH_PODMAN[..], &["nicon-resolve", "podman:liar"]].concat());
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    Ok(())
}

/// In containers of hers are the sockets of her own engine and of root's: what root's says is bound by the way to it.
fn with_the_socket_of_another(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    docker::run(machine, "beyond", &[])?;
    let engine = docker_of(&ALICE);
    for (name, socket) in [("holds-own", "/run/user/1000/docker.sock"), ("holds-roots", "/run/docker.sock")] {
        run(machine, &engine, name, &["--network=none", &format!("--volume={socket}:/run/docker.sock")])?;
    }
    found_by(machine, &["env", ALICE.docker], "holds-own.holds-roots", &engine, 0)?;
    found_by(machine, &ALICE.with_docker(), "holds-own.holds-roots", &engine, 0)?;
    for path in ["holds-roots.beyond", "holds-own.holds-roots.beyond"] {
        let refused = machine.run(&["env", ALICE.docker, "nicon-resolve", path]);
        assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
        assert!(refused.stderr.contains("may name only processes in that and those below"), "{refused:?}");
    }
    // Through root's own engine, it is found.
    found_by(machine, &[], "beyond", &["docker"], 0)
}
