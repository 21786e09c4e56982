//! What people use on top of Docker: Compose, and builds.

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::docker;
use crate::expect::{found_where_it_is, targets};
use crate::suite::Suite;
use crate::suite::since_trixie;
use nicon_lab::machine::Machine;

/// A project of Compose's with a service of two containers, one whose container has a name of its own, and one that is ordinary.
const PROJECT: &str =
    "mkdir -p /root/project && cd /root/project && cat >compose.yaml <<'END' && docker compose up --detach
x-common: &common {image: image, command: sleep 600, network_mode: none}
services:
  web: {<<: *common, scale: 2}
  db: {<<: *common, init: true}
  named: {<<: *common, container_name: named.by-compose}
END";

/// Builds an image in a transient unit, which is up while a step of the build sleeps: `UNIT SECONDS SETTING`.
const BUILD: &str = r"mkdir -p /root/$1 && cd /root/$1 && printf 'FROM image\nRUN sleep %s\n' $2 >Dockerfile &&
    systemd-run --quiet --unit=$1 --setenv=HOME=/root --setenv=$3 docker build --network=none --no-cache /root/$1 &&
    until pgrep --full --exact '(sh -c |/bin/sh -c )?sleep '$2; do sleep 0.05; done";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        since_trixie(suite.trial("docker_tools::compose", compose), "Compose that is a plugin of Docker's"),
        suite.trial("docker_tools::step_of_buildkit", step_of_buildkit),
        suite.trial("docker_tools::step_of_the_classic_builder", step_of_the_classic_builder),
    ]
}

fn compose(machine: &Machine) -> Result<(), Failed> {
    docker::run(machine, "beside-project", &[])?;
    machine.script(PROJECT, &[])?;
    for path in ["project-web-1", "project-web-2", "project-db-1", "/named.by-compose"] {
        found_where_it_is(machine, path, &["docker"])?;
    }
    let mut listed = targets(&machine.run(&["nicon-resolve", "project-*"]).ok()?)?;
    listed.sort();
    assert_eq!(listed, ["project-db-1", "project-web-1", "project-web-2"]);
    let of_service = ["nicon-resolve", "project-*", "--label=com.docker.compose.service=web"];
    let mut listed = targets(&machine.run(&of_service).ok()?)?;
    listed.sort();
    assert_eq!(listed, ["project-web-1", "project-web-2"]);
    let of_project = machine.run(&["nicon-resolve", "/named.by-compose", "--label=com.docker.compose.project=project"]);
    assert_eq!(targets(&of_project.ok()?)?, ["/named.by-compose"]);
    let beside = machine.run(&["nicon-resolve", "beside-project", "--label=com.docker.compose.project"]);
    assert_eq!((beside.code(), &beside.stdout[..]), (Some(1), ""), "{beside:?}");
    machine.script("cd /root/project && docker compose restart --timeout=0 web && docker compose pause db", &[])?;
    found_where_it_is(machine, "project-web-1", &["docker"])?;
    let pid = machine.run(&["docker", "inspect", "--format", "{{.State.Pid}}", "project-db-1"]).ok()?;
    assert_eq!(machine.run(&["nicon-resolve", "--pid", "project-db-1"]).ok()?, pid);
    machine.script("cd /root/project && docker compose unpause db && docker compose down --timeout=0", &[])?;
    let ran = machine.run(&["nicon-resolve", "project-*"]);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(1), ""), "{ran:?}");
    Ok(())
}

/// No container of Docker's, but one that `BuildKit` has runc run, which knows it by `BuildKit`'s ID for the step.
fn step_of_buildkit(machine: &Machine) -> Result<(), Failed> {
    docker::run(machine, "beside-buildkit", &[])?;
    let sleeping = machine.script(BUILD, &["by-buildkit", "617", "DOCKER_BUILDKIT=1"])?;
    let pid = sleeping.lines().next().unwrap_or_default().to_owned();
    let steps = |machine: &Machine| -> Result<Vec<String>, Failed> {
        let list = machine.run(&["runc", "list", "--format=json"]).ok()?;
        let list: Option<Vec<Value>> = serde_json::from_str(&list)?;
        let is_step = |one: &&Value| one["bundle"].as_str().is_some_and(|bundle| bundle.contains("/buildkit/"));
        Ok(list.iter().flatten().filter(is_step).filter_map(|one| Some(one["id"].as_str()?.to_owned())).collect())
    };
    let step = steps(machine)?.pop().ok_or("runc runs no step")?;
    assert!(!machine.run(&["docker", "ps", "--no-trunc"]).ok()?.contains("sleep 617"), "Docker lists it");
    for path in [&step, &format!("runc:{step}")] {
        assert_eq!(machine.run(&["nicon-resolve", "--pid", path]).ok()?, pid, "{path}");
    }
    let ran = machine.run(&["nicon-resolve", "*"]);
    let listed = targets(&ran.stdout)?;
    for expected in [&step[..], "beside-buildkit"] {
        assert_eq!(listed.iter().filter(|target| *target == expected).count(), 1, "{expected}: {ran:?}");
    }
    // Only Docker is asked where somebody chose it.
    let chosen = machine.run(&["env", "DOCKER_HOST=unix:///run/docker.sock", "nicon-resolve", &step]);
    assert_eq!(chosen.code(), Some(1), "{chosen:?}");
    machine.run(&["systemctl", "stop", "by-buildkit"]).ok()?;
    machine.script("while [ -e /run/runc/$1 ]; do sleep 0.05; done", &[&step])?;
    let ran = machine.run(&["nicon-resolve", "*"]);
    assert!(!ran.stdout.contains(&step) && !ran.stderr.contains(&step), "{ran:?}");
    Ok(())
}

/// A container of Docker's like others, whose name Docker made up.
fn step_of_the_classic_builder(machine: &Machine) -> Result<(), Failed> {
    docker::run(machine, "beside-classic", &[])?;
    machine.script(BUILD, &["by-classic", "618", "DOCKER_BUILDKIT=0"])?;
    let format = ["docker", "ps", "--no-trunc", "--format={{.Names}}\t{{.Command}}"];
    let list = machine.run(&format).ok()?;
    let step = list.lines().find(|line| line.contains("sleep 618")).ok_or("Docker runs no step")?;
    let name = step.split('\t').next().unwrap_or_default();
    found_where_it_is(machine, name, &["docker"])?;
    let listed = targets(&machine.run(&["nicon-resolve", "*"]).stdout)?;
    assert_eq!(listed.iter().filter(|target| *target == name).count(), 1, "{listed:?}");
    machine.run(&["docker", "kill", name]).ok()?;
    Ok(())
}
