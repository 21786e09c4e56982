//! nicon-resolve in a nest of several engines, loops, a proxy and socket activation: all of it, each container once.

use std::collections::BTreeMap;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, witness};
use serde_json::json;

use crate::resolve::engines::podman_pid;
use crate::support::expect::{is_process, records};
use crate::support::kernel::translations;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("resolve::mixed_engines::a_nest_of_all_engines", a_nest_of_all_engines)]
}

/// A proxy of Docker's socket, with a socket that other containers can be given.
const PROXY: &str = "mkdir -p /run/proxy && setsid socat UNIX-LISTEN:/run/proxy/docker.sock,fork \\
    UNIX-CONNECT:/run/docker.sock </dev/null >/dev/null 2>&1 & until [ -S /run/proxy/docker.sock ]; do sleep 0.02; done";

/// ```text
/// mix: by docker: leaf, dood (mix's own socket), proxied (the proxy's socket)
///      by podman, which its socket starts: inner, deep: by docker: leaf
///      by containerd: plain
/// ```
fn plant(lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "mix", &[])?;
    lab.script("mix", PROXY, &[])?;
    lab.run_container("mix", "leaf", &[])?;
    lab.run_container("mix", "dood", &["--volume=/run/docker.sock:/run/docker.sock"])?;
    lab.run_container("mix", "proxied", &["--volume=/run/proxy/docker.sock:/run/docker.sock"])?;
    lab.start_podman("mix", "systemd-socket-activate --listen=/run/podman/podman.sock")?;
    lab.run_podman("mix", "inner", &[], &["sleep", "infinity"])?;
    lab.run_docker_in_podman("mix", "deep")?;
    lab.start_containerd("mix")?;
    Ok(lab.run_ctr("mix", "default", "plain", &[])?)
}

/// What each engine's own command line lists, run inside, and the process of each.
fn listed_from_inside(lab: &Lab) -> Result<BTreeMap<String, u32>, Failed> {
    let mut listed = BTreeMap::new();
    for name in lab.docker("mix", &["ps", "--format={{.Names}}"])?.ok()?.lines() {
        listed.insert(format!("mix.{name}"), lab.host_pid(&format!("mix.{name}"))?);
    }
    for name in lab.podman("mix", &["ps", "--format={{.Names}}"])?.ok()?.lines() {
        listed.insert(format!("mix.{name}"), podman_pid(lab, "mix", name)?);
    }
    for name in lab.podman("mix", &["exec", "deep", "docker", "ps", "--format={{.Names}}"])?.ok()?.lines() {
        let look = ["exec", "deep", "docker", "exec", name, "readlink", "/proc/self/ns/mnt"];
        let link = lab.podman("mix", &look)?.ok()?;
        listed.insert(format!("mix.deep.{name}"), witness::first_process_of(&link).ok_or("it has no process")?);
    }
    for row in lab.script("mix", "ctr task ls", &[])?.lines().skip(1) {
        let mut words = row.split_whitespace();
        let (name, pid) = words.next().zip(words.next()).ok_or("no task and PID")?;
        listed.insert(format!("mix.{name}"), lab.pid_from("mix", pid)?);
    }
    Ok(listed)
}

fn a_nest_of_all_engines(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    plant(lab)?;
    let listed = listed_from_inside(lab)?;
    let names = ["mix.deep", "mix.deep.leaf", "mix.dood", "mix.inner", "mix.leaf", "mix.plain", "mix.proxied"];
    assert_eq!(listed.keys().collect::<Vec<_>>(), names);
    for translate in translations() {
        let ran = suite.run(&["nicon-resolve", "--timeout=25", translate, "mix.**"]);
        let found = records(&ran);
        let mut targets: Vec<_> = found.iter().map(|record| record["target"].as_str().unwrap()).collect();
        targets.sort_unstable();
        assert_eq!(targets, names, "{ran:?}");
        for record in &found {
            let target = record["target"].as_str().unwrap();
            is_process(record, listed[target]);
            let hop = record["hops"].as_array().unwrap().last().unwrap();
            let engine = match target {
                "mix.inner" | "mix.deep" => "podman",
                "mix.plain" => "containerd",
                _ => "docker",
            };
            assert_eq!(hop["engine"], engine, "{record}");
            // The proxy's socket is another one, and all that is behind it was met already.
            assert_eq!(record.get("engine_of"), (target == "mix.dood").then(|| json!("mix")).as_ref(), "{record}");
        }
        for (path, pid) in &listed {
            is_process(&records(&suite.run(&["nicon-resolve", "--timeout=25", translate, path]))[0], *pid);
        }
        for through in ["mix.dood.leaf", "mix.proxied.leaf"] {
            is_process(
                &records(&suite.run(&["nicon-resolve", "--timeout=25", translate, through]))[0],
                listed["mix.leaf"],
            );
        }
    }
    Ok(lab.remove("", "mix")?)
}
