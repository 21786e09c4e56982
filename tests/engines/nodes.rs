//! Nodes of pods that are containers, as kind makes them: what runs in one is found below it.

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::expect::is_in;
use crate::nested;
use crate::pods::prepare;
use crate::suite::Suite;
use nicon_lab::machine::Machine;

/// What a node runs: containerd with the machine's settings, below whose cgroup there may be others.
const CONTAINERD: &str = "mkdir /sys/fs/cgroup/init && echo $$ >/sys/fs/cgroup/init/cgroup.procs && exec containerd";

/// Its images are the machine's.
const IMAGES: &str = "until ctr version; do sleep 0.05; done && ctr --namespace k8s.io image import /var/tmp/pods.tar";

/// The containers of a pod, by its name, with an option for all of them.
const PODS: [(&str, &[&str], &str); 3] = [
    ("front", &["web", "helper"], "--pid=container"),
    ("back", &["web", "db"], "--pid=pod"),
    ("agents", &["agent"], "--pid=node"),
];

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nodes::of_pods", |machine| of_pods(machine, "node", CONTAINERD)),
        suite.trial("nodes::with_state_elsewhere", |machine| {
            of_pods(machine, "odd-node", &format!("{CONTAINERD} --state /run/k0s/containerd"))
        }),
    ]
}

fn of_pods(machine: &Machine, node: &str, containerd: &str) -> Result<(), Failed> {
    prepare(machine);
    nested::prepare(machine);
    machine.run(&["docker", "import", "/var/tmp/nest.tar", "nest"]).ok()?;
    let volumes = ["/usr:/usr:ro", "/etc/containerd:/etc/containerd:ro", "/var/tmp:/var/tmp:ro", "/var/lib/containerd"];
    let volumes = volumes.map(|volume| format!("--volume={volume}"));
    let run = ["docker", "run", "--detach", "--name", node, "--privileged", "--network=none"];
    let what = ["nest", "sh", "-c", containerd];
    machine.run(&[&run[..], &volumes.each_ref().map(String::as_str), &what].concat()).ok()?;
    let inside = |words: &[&str]| machine.run(&[&["docker", "exec", node], words].concat()).ok();
    inside(&["sh", "-c", IMAGES])?;

    // ID, and the PID there, of all.
    let mut known = Vec::new();
    for (pod, containers, option) in PODS {
        let sandbox = inside(&["cri", "pod", pod, option])?;
        for name in containers {
            let id = inside(&["cri", "run", &sandbox, name, option])?;
            known.push((inside(&["cri", "pid", &id])?, id));
        }
        known.push((inside(&["cri", "sandbox", &sandbox])?, sandbox));
    }
    let ran = machine.run(&["nicon-resolve", &format!("{node}.**")]);
    let records = ran.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    assert_eq!((ran.code(), records.len()), (Some(0), known.len()), "{ran:?}");
    for (told, id) in &known {
        let record = records
            .iter()
            .find(|record| record["hops"].as_array().and_then(|hops| hops.last()).is_some_and(|hop| hop["id"] == **id));
        let record = record.ok_or_else(|| format!("{id} is missing: {ran:?}"))?;
        let (pid, path) = (record["pid"].to_string(), record["target"].as_str().ok_or("no target")?);
        assert_eq!(record["nspid"][1].to_string(), *told, "{record}");
        is_in(machine, path, &pid, &inside(&["readlink", &format!("/proc/{told}/ns/mnt")])?)?;
    }
    for path in ["helper", "db", "agent", "containerd:k8s.io:helper"] {
        machine.run(&["nicon-resolve", &format!("{node}/{path}")]).ok()?;
    }
    let refused = machine.run(&["nicon-resolve", &format!("{node}.web")]);
    let ways = ["pod:default:front/web", "pod:default:back/web"];
    assert!(ways.iter().all(|way| refused.stderr.contains(way)), "{refused:?}");
    for way in ways {
        machine.run(&["nicon-resolve", &format!("{node}/{way}")]).ok()?;
    }
    // All of that is below the node only.
    let ran = machine.run(&["nicon-resolve", "*"]);
    assert!(known.iter().all(|(_, id)| !ran.stdout.contains(&id[..])), "{ran:?}");
    Ok(())
}
