//! Containers of Incus, in projects.

use std::sync::Once;

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;
use serde_json::Value;

use crate::docker;
use crate::expect::{is_in, targets};
use crate::nested;
use crate::suite::{Suite, since_trixie};

/// An image, and two projects that have it.
const PREPARE: &str = r"cd $(mktemp -d) && mkdir rootfs && tar -xf /var/tmp/image.tar -C rootfs && mkdir -p rootfs/proc rootfs/sys rootfs/dev rootfs/sbin &&
    ln -s /bin/busybox rootfs/sbin/init && printf 'architecture: x86_64\ncreation_date: 1\n' >metadata.yaml && tar -czf image.tar.gz metadata.yaml rootfs &&
    systemctl start incus && incus admin init --minimal && incus image import image.tar.gz --alias image &&
    incus project create prod -c features.images=false -c features.profiles=false";

/// Runs a container: its project, its name, and whether it is privileged.
const RUN: &str = r#"incus init image "$2" --project "$1" --no-profiles --storage default -c security.privileged="$3" \
        -c raw.lxc="$(printf 'lxc.init.cmd=/bin/sleep 600\nlxc.apparmor.profile=unconfined')" && incus start --project "$1" "$2""#;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let trials =
        [suite.trial("incus::in_projects", in_projects), suite.trial("incus::with_docker_inside", with_docker_inside)];
    trials.into_iter().map(|trial| since_trixie(trial, "Incus")).collect()
}

fn prepare(machine: &Machine) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        machine.script(PREPARE, &[]).unwrap();
    });
}

fn in_projects(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    for (project, name, privileged) in
        [("default", "alone", "true"), ("default", "twice", "true"), ("prod", "twice", "false")]
    {
        machine.script(RUN, &[project, name, privileged])?;
    }
    for (path, project, name) in [
        ("alone", "default", "alone"),
        ("incus:alone", "default", "alone"),
        ("incus:default:twice", "default", "twice"),
        ("incus:prod:twice", "prod", "twice"),
    ] {
        let state = machine.run(&["incus", "query", &format!("/1.0/instances/{name}/state?project={project}")]).ok()?;
        let pid = serde_json::from_str::<Value>(&state)?["pid"].to_string();
        let link =
            machine.run(&["incus", "exec", "--project", project, name, "--", "readlink", "/proc/self/ns/mnt"]).ok()?;
        is_in(machine, path, &pid, &link)?;
    }
    let refused = machine.run(&["nicon-resolve", "twice"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("(say incus:default:twice or incus:prod:twice)"), "{refused:?}");
    let listed = targets(&machine.run(&["nicon-resolve", "incus:*"]).stdout)?;
    let listed: Vec<_> = listed.into_iter().filter(|target| !target.ends_with("nest")).collect();
    assert_eq!(listed, ["incus:alone", "incus:default:twice", "incus:prod:twice"]);
    let record: Value = serde_json::from_str(&machine.run(&["nicon-resolve", "incus:prod:twice"]).ok()?)?;
    let hop = &record["hops"][0];
    assert_eq!(
        (&hop["engine"], &hop["namespace"], &hop["verified"]),
        (&"incus".into(), &"prod".into(), &"monitor".into()),
        "{hop}"
    );
    // Another engine has a container of the name, too, or one that has ended.
    docker::run(machine, "alone", &[])?;
    let (by_docker, by_incus) = ("docker:alone", "incus:alone");
    let refused = machine.run(&["nicon-resolve", "alone"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    assert!([by_docker, by_incus].iter().all(|way| refused.stderr.contains(way)), "{refused:?}");
    let pid = |path| machine.run(&["nicon-resolve", "--pid", path]).ok();
    assert_ne!(pid(by_docker)?, pid(by_incus)?);
    machine.run(&["docker", "kill", "alone"]).ok()?;
    assert_eq!(pid("alone")?, pid(by_incus)?);
    machine.run(&["docker", "rm", "alone"]).ok()?;
    // Nothing is asked of the daemon.
    machine.script("kill -STOP $(systemctl show -P MainPID incus)", &[])?;
    let found = machine.run(&["nicon-resolve", "--pid", "incus:prod:twice"]);
    machine.script("kill -CONT $(systemctl show -P MainPID incus)", &[])?;
    assert_eq!(found.ok()?, record["pid"].to_string());
    Ok(())
}

/// Runs a container whose programs are the machine's, with a Docker daemon: its script.
const NEST: &str = r#"cd $(mktemp -d) && mkdir rootfs && tar -xf /var/tmp/nest.tar -C rootfs && mkdir -p rootfs/var/lib &&
    printf '%s\n' 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin' 'mount -t tmpfs run /run && mount -t cgroup2 cgroup2 /sys/fs/cgroup' "$1" >rootfs/start &&
    printf 'architecture: x86_64\ncreation_date: 1\n' >metadata.yaml && tar -czf nest.tar.gz metadata.yaml rootfs &&
    incus image import nest.tar.gz --alias nest && incus init nest incus-nest --no-profiles --storage default \
        -c security.privileged=true -c security.nesting=true \
        -c raw.lxc="$(printf 'lxc.init.cmd=/bin/sh /start\nlxc.apparmor.profile=unconfined\nlxc.cap.drop=')" &&
    incus config device add incus-nest usr disk source=/usr path=/usr readonly=true &&
    incus config device add incus-nest images disk source=/var/tmp path=/var/tmp readonly=true && incus start incus-nest"#;

fn with_docker_inside(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    nested::prepare(machine);
    machine.script(NEST, &[nested::DOCKER])?;
    let inside = |words: &[&str]| {
        let inside = ["incus", "exec", "incus-nest", "--env=PATH=/usr/sbin:/usr/bin:/sbin:/bin", "--"];
        machine.run(&[&inside, words].concat()).ok()
    };
    inside(&["sh", "-c", nested::IN_DOCKER])?;
    let pid = inside(&["docker", "inspect", "--format", "{{.State.Pid}}", "inner"])?;
    let link = inside(&["docker", "exec", "inner", "readlink", "/proc/self/ns/mnt"])?;
    for path in ["incus-nest.inner", "incus:incus-nest/inner", "incus:incus-nest.docker:inner"] {
        let found = machine.run(&["nicon-resolve", "--pid", path]).ok()?;
        let told = machine.script("grep ^NSpid: /proc/$1/status", &[&found])?;
        assert_eq!(told.split_whitespace().nth(2), Some(&pid[..]), "{path}: {told}");
        is_in(machine, path, &found, &link)?;
    }
    let ran = machine.run(&["nicon-resolve", "**"]);
    let listed: Vec<_> = targets(&ran.stdout)?.into_iter().filter(|target| target.contains("incus-nest")).collect();
    assert_eq!(listed, ["incus-nest", "incus-nest.inner"], "{ran:?}");
    Ok(())
}
