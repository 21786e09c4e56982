//! Of many containers nicon-resolve reads the PIDs from the bundles that containerd keeps, and believes none unproved.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, until};
use serde_json::Value;

use crate::hostile::silence::SERVER;
use crate::support::expect::{is_process, records};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::bundles::wherever_they_lie", wherever_they_lie),
        suite.trial("resolve::bundles::that_are_not_to_be_believed", that_are_not_to_be_believed),
    ]
}

/// The containers below each daemon: more than are asked for one by one.
const CONTAINERS: [(&str, &str); 6] = [
    ("c0", "--env=x=y"),
    ("c1", "--env=x=y"),
    ("c2", "--pid=host"),
    ("c3", "--pid=container:c0"),
    ("c4", "--env=x=y"),
    ("c5", "--env=x=y"),
];

/// Starts a daemon with containers, by a line of shell.
fn start(lab: &Lab, name: &str, script: &str) -> Result<(), String> {
    lab.run_daemon_command("", name, &["--device=/dev/fuse"], &["sh", "-c", script])?;
    CONTAINERS.iter().try_for_each(|(container, option)| lab.run_container(name, container, &[option]).map(drop))
}

/// Where a daemon's bundles lie, given the directory of its containerd.
fn store(containerd: &str) -> String {
    format!("{containerd}/io.containerd.runtime.v2.task/moby")
}

/// What the daemon in `at` says of a container by a template.
fn inspect(lab: &Lab, at: &str, container: &str, what: &str) -> Result<String, String> {
    lab.docker(at, &["inspect", &format!("--format={{{{.{what}}}}}"), container])?.ok()
}

/// Checks that all containers are found, and are what the daemon says; returns which were found by their bundles, in `store`.
fn by_bundles(suite: &Suite, lab: &Lab, at: &str, store: &str) -> Result<Vec<&'static str>, Failed> {
    let found = records(&suite.run(&["nicon-resolve", "--timeout=8", &format!("{at}.*")]));
    assert_eq!(found.len(), CONTAINERS.len(), "{found:?}");
    let mut by_bundles = Vec::new();
    for (container, _) in CONTAINERS {
        let record = found.iter().find(|record| record["target"] == format!("{at}.{container}"));
        let record = record.ok_or_else(|| format!("{container} is missing: {found:?}"))?;
        is_process(record, lab.pid_from(at, &inspect(lab, at, container, "State.Pid")?)?);
        let (hop, id) = (&record["hops"][1], inspect(lab, at, container, "Id")?);
        assert_eq!((&hop["via"], &hop["id"], &hop["name"]), (&"api".into(), &id[..].into(), &container.into()));
        assert_eq!(hop["socket"], "/run/docker.sock");
        match &hop["file"] {
            Value::Null => {}
            file => {
                assert_eq!(file, &format!("{store}/{id}/init.pid"));
                by_bundles.push(container);
            }
        }
    }
    Ok(by_bundles)
}

fn wherever_they_lie(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let all = CONTAINERS.map(|(container, _)| container);
    for (name, script, containerd) in [
        ("bundles-own", "exec dockerd", "/run/docker/containerd/daemon"),
        ("bundles-moved", "exec dockerd --exec-root=/run/elsewhere", "/run/elsewhere/containerd/daemon"),
        (
            "bundles-shared",
            "containerd >/dev/null 2>&1 & until [ -S /run/containerd/containerd.sock ]; do sleep 0.05; done
            exec dockerd --containerd=/run/containerd/containerd.sock",
            "/run/containerd",
        ),
    ] {
        start(lab, name, script)?;
        lab.docker(name, &["pause", "c1"])?.ok()?;
        lab.docker(name, &["restart", "--time=0", "c4"])?.ok()?;
        assert_eq!(by_bundles(suite, lab, name, &store(containerd))?, all, "{name}");
        lab.docker(name, &["unpause", "c1"])?.ok()?;
        lab.remove("", name)?;
    }
    Ok(())
}

fn that_are_not_to_be_believed(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (name, store) = ("bundles-bad", store("/run/docker/containerd/daemon"));
    start(lab, name, "exec dockerd")?;
    let id = |container| inspect(lab, name, container, "Id");
    let spoil = |script: &str, arguments: &[&str]| lab.script(name, &format!("cd {store} && {script}"), arguments);
    // Another container's process, nobody's, no file, a pipe, and a bundle that is not the one that the shim works in.
    spoil("cat $2/init.pid >$1/init.pid", &[&id("c1")?, &id("c0")?])?;
    spoil("echo 4194303 >$1/init.pid", &[&id("c2")?])?;
    spoil("rm $1/init.pid", &[&id("c3")?])?;
    spoil("rm $1/init.pid && mkfifo $1/init.pid", &[&id("c4")?])?;
    assert_eq!(by_bundles(suite, lab, name, &store)?, ["c0", "c5"]);
    spoil("mv $1 /run/old && mkdir $1 && cp /run/old/init.pid $1", &[&id("c5")?])?;
    assert_eq!(by_bundles(suite, lab, name, &store)?, ["c0"]);

    // One that never tells.
    let mut compile = lab.beside(name, &["gcc", "-x", "c", "-o", "/run/silent", "-"]);
    output_of_input(&mut compile, SERVER, LIMIT)?.ok()?;
    let told = "/run/silent.log";
    spoil("setsid /run/silent $PWD/$1/init.pid 100644 >$2 2>&1 </dev/null &", &[&id("c5")?, told])?;
    let said = || lab.script(name, "cat $1", &[told]);
    until("the server", || said().ok().filter(|said| said.contains("ready")));
    assert_eq!(by_bundles(suite, lab, name, &store)?, [""; 0]);
    assert!(said()?.contains("asked"), "nobody asked");
    Ok(lab.remove("", name)?)
}
