//! nicon-nsfind --names goes by the containers' processes and their own cgroups, not by what a cgroup is called.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, until, witness};
use serde_json::Value;

use crate::support::expect::{parse, record};
use crate::support::subject::{answers, ino, link};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("namespaces::names::a_cgroup_called_after_another_container", a_forged_cgroup),
        suite.trial("namespaces::names::processes_that_are_not_the_first", others_than_the_first),
        suite.trial("namespaces::names::a_container_that_has_ended", a_container_that_has_ended),
    ]
}

/// Moves the first process of a container to a cgroup of the lab's, in the directory of the first argument, that is called after another
/// container, as it could itself.
const FORGE: &str = r"cd /sys/fs/cgroup
    for procs in $([ -e cgroup.procs ] && echo cgroup.procs || ls */cgroup.procs); do
        into=${procs%cgroup.procs}$1/$2
        mkdir -p $into && echo 1 >$into/cgroup.procs
    done; :";

/// What nsfind says of a namespace, with these records of containers for `--names`.
fn named(suite: &Suite, names: &str, namespace: &str) -> Result<Value, Failed> {
    let listed = answers(&suite.feed(&["nicon-nsfind", "--names", "-", "-T", "net"], names));
    let found = listed.into_iter().find(|record| link("net", record["nsino"].as_u64().unwrap()) == namespace);
    Ok(found.ok_or("the namespace is not listed")?)
}

fn a_forged_cgroup(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let victim = lab.run_container("setup", "names-victim", &[])?;
    lab.run_daemon_container("setup", "names-forger", &[])?;
    let (known, forger) = (suite.run(&["nicon-resolve", "setup.names-*"]).ok()?, lab.host_pid("setup.names-forger")?);
    let directory = format!("{}/forged", lab.name());
    lab.exec("setup.names-forger", &["sh", "-c", FORGE, "sh", &directory, &victim])?.ok()?;
    let cgroups = std::fs::read_to_string(format!("/proc/{forger}/cgroup"))?;
    assert!(cgroups.lines().any(|line| line.ends_with(&format!("/{victim}"))), "{cgroups}");
    for names in [known, suite.run(&["nicon-resolve", "setup.names-*"]).stdout] {
        for path in ["setup.names-forger", "setup.names-victim"] {
            let found = named(suite, &names, &link("net", ino(lab.host_pid(path)?, "net")))?;
            // Where the resolver does not believe the forger either, it has no name.
            let is_known = parse(&names).iter().any(|record| record["target"] == path);
            assert_eq!(found.get("container_path").and_then(Value::as_str), is_known.then_some(path), "{found}");
            assert_eq!(found.get("container"), None, "{found}");
        }
    }
    lab.remove("setup", "names-forger")?;
    Ok(lab.remove("setup", "names-victim")?)
}

fn others_than_the_first(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let names = suite.run(&["nicon-resolve", "setup", "setup.olt_1", "setup.olt_1.lt_1"]).ok()?;
    // One that docker exec started, in a namespace of its own, and a child of the container's that made one.
    lab.docker("setup", &["exec", "--detach", "olt_1", "unshare", "--net", "sleep", "12321"])?.ok()?;
    let started = until("unshare", || {
        let is_it = |pid: &u32| {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            command == b"sleep\x0012321\0"
        };
        witness::pids().into_iter().find(is_it)
    });
    let found = named(suite, &names, &link("net", ino(started, "net")));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(started.cast_signed()), nix::sys::signal::Signal::SIGKILL)?;
    let found = found?;
    assert_eq!((&found["pid"], &found["container_path"]), (&started.into(), &"setup.olt_1".into()), "{found}");
    Ok(())
}

fn a_container_that_has_ended(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut ended = record(&suite.run(&["nicon-resolve", "setup.olt_1"]));
    ended["target"] = "ended".into();
    ended["starttime"] = (ended["starttime"].as_u64().ok_or("no start time")? + 1).into();
    let found = named(suite, &ended.to_string(), &link("net", ino(lab.host_pid("setup.olt_1")?, "net")))?;
    assert_eq!(found.get("container_path"), None, "{found}");
    Ok(())
}
