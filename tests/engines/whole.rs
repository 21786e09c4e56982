//! The whole machine at once, with the containers of all engines, and of whatever other tests run meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::runtimes;
use crate::suite::Suite;
use crate::{docker, podman};
use nicon_lab::machine::Machine;

/// Prints PID, name and ID of each container that the engines of the machine run, as they say by their command lines.
const OF_ENGINES: &str = r#"format='{{.State.Pid}} {{.Name}} {{.Id}}' && {
    docker ps --quiet | xargs --no-run-if-empty docker inspect --format "$format"
    podman ps --quiet --filter status=running --filter status=paused |
        xargs --no-run-if-empty podman container inspect --format "$format"
    for runtime in runc crun; do
        $runtime list --format json | jq -r '.[]? | select(.status != "stopped") | "\(.pid) \(.id) \(.id)"'
    done; } 2>/dev/null | grep -v '^0 '"#;

/// The same of what daemons run that are not asked, since nobody chose them, and of what containerd runs, which knows no names. All
/// but the former are listed.
const OF_OTHERS: &str = r#"for namespace in $(ctr namespace list --quiet); do
        ctr --namespace=$namespace task list | awk '$3 == "RUNNING" { print $2, $1, $1 }'
    done; for socket in $(ls /run/*.sock); do
        docker --host=unix://$socket ps --quiet --no-trunc |
            xargs --no-run-if-empty docker --host=unix://$socket inspect --format '{{.State.Pid}} {{.Name}} {{.Id}}'
    done 2>/dev/null; true"#;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("whole::everything_once", everything_once)]
}

/// What runs here: in all, by Docker and by Podman, in pods, by hand, paused, and what no path can name.
fn raise(machine: &Machine) -> Result<(), Failed> {
    podman::prepare(machine);
    docker::run(machine, "whole", &[])?;
    docker::run(machine, "whole-docker-paused", &["--pid=host"])?;
    let pause = "docker pause whole-docker-paused &&
        podman run --detach --network=none --name whole image sleep 600 &&
        podman run --detach --network=none --runtime=runc --name whole-podman-paused image sleep 600 &&
        podman pause whole-podman-paused && podman pod create --name whole-pod --network=none &&
        podman run --detach --pod whole-pod --name whole-in-pod image sleep 600";
    machine.script(pause, &[])?;
    for (runtime, name) in [("runc", "whole-by-hand"), ("crun", "whole-by-hand"), ("crun", "whole+all")] {
        runtimes::run(machine, runtime, name, &[], ".")?;
    }
    Ok(())
}

/// Names and IDs by PID.
fn told(machine: &Machine, script: &str) -> Result<BTreeMap<i64, Vec<String>>, Failed> {
    let mut told = BTreeMap::<i64, Vec<String>>::new();
    for line in machine.script(script, &[])?.lines() {
        let (pid, names) = line.split_once(' ').ok_or("no name")?;
        let names = names.split(' ').map(|name| name.trim_start_matches('/').to_owned());
        told.entry(pid.parse()?).or_default().extend(names);
    }
    Ok(told)
}

/// What has run all the time is listed once, and where it is, or reported as missing; and nothing else is listed.
fn everything_once(machine: &Machine) -> Result<(), Failed> {
    raise(machine)?;
    let (before, others_before) = (told(machine, OF_ENGINES)?, told(machine, OF_OTHERS)?);
    let ran = machine.run(&["nicon-resolve", "**"]);
    let (after, others_after) = (told(machine, OF_ENGINES)?, told(machine, OF_OTHERS)?);
    machine.run(&["crun", "delete", "--force", "whole+all"]).ok()?;
    let records: Vec<Value> = ran.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let pids: Vec<i64> = records.iter().filter_map(|record| record["pid"].as_i64()).collect();
    let once: BTreeSet<i64> = pids.iter().copied().collect();
    assert_eq!(once.len(), pids.len(), "a process is listed twice: {ran:?}");
    let paths: BTreeSet<&str> = records.iter().filter_map(|record| record["target"].as_str()).collect();
    assert_eq!(paths.len(), pids.len(), "two have one path: {ran:?}");

    let lasting: Vec<_> = before.iter().filter(|(pid, names)| after.get(pid) == Some(names)).collect();
    assert!(lasting.len() >= 9, "{lasting:?}");
    let missing: Vec<_> = lasting.iter().filter(|(pid, _)| !once.contains(pid)).collect();
    for (_, names) in &missing {
        let is_reported = |name: &String| ran.stderr.contains(&format!("\"{name}\"")) || ran.stderr.contains(&**name);
        assert!(names.iter().any(is_reported) && ran.code() == Some(2), "{names:?} is missing in silence: {ran:?}");
    }
    let missing: Vec<_> = missing.iter().flat_map(|(_, names)| names.iter()).collect();
    for name in ["whole+all", "whole", "whole-docker-paused", "whole-podman-paused", "whole-in-pod", "whole-by-hand"] {
        assert!(!missing.iter().any(|missing| *missing == name), "{name} is not listed: {ran:?}");
    }

    for record in records.iter().filter(|record| record["hops"].as_array().is_some_and(|hops| hops.len() == 1)) {
        let (pid, hop) = (record["pid"].as_i64().unwrap_or_default(), &record["hops"][0]);
        let all = [&before, &after, &others_before, &others_after];
        let names: Vec<_> = all.iter().filter_map(|told| told.get(&pid)).flatten().collect();
        // Names of pods' containers, engines of other users, a containerd that `ctr` does not ask, and engines that are asked by
        // none of these programs are for other tests.
        let is_elsewhere = hop["file"].as_str().is_some_and(|file| file.contains("elsewhere"));
        let is_of_others = ["lxc", "incus", "machine"].iter().any(|engine| hop["engine"] == *engine);
        if hop["user"].is_string() || is_elsewhere || is_of_others {
            continue;
        }
        let told = if hop["engine"] == "containerd" { &["id"][..] } else { &["name", "id"] };
        for known in told.iter().map(|field| &hop[*field]) {
            assert!(names.iter().any(|name| Some(&name[..]) == known.as_str()), "{record} has other names: {names:?}");
        }
    }
    Ok(())
}
