//! Engines in containers of other engines: their programs are the machine's own.

use std::sync::Once;

use libtest_mimic::{Failed, Trial};

use crate::expect::{found_by, targets};
use crate::suite::Suite;
use crate::{docker, podman};
use nicon_lab::machine::Machine;

/// Makes an image for a container with an engine in it: its programs are the machine's.
const IMAGE: &str = "cd $(mktemp -d) && mkdir -p dev etc proc root run sys tmp usr var/tmp &&
    for name in bin lib lib64 sbin; do ln -s usr/$name $name; done && echo root:x:0:0::/:/bin/sh >etc/passwd &&
    tar -cf /var/tmp/nest.tar . && chmod 644 /var/tmp/nest.tar";

/// What makes it such a container.
pub(crate) const OPTIONS: [&str; 4] = [
    "--privileged",
    "--volume=/usr:/usr:ro",
    "--volume=/var/tmp:/var/tmp:ro",
    "--volume=/etc/containers/policy.json:/etc/containers/policy.json:ro",
];

/// What a container with Docker in it runs: a daemon below which there may be cgroups, since no process is in its own one.
pub(crate) const DOCKER: &str = "mkdir /sys/fs/cgroup/init && echo $$ >/sys/fs/cgroup/init/cgroup.procs &&
    exec dockerd --storage-driver=vfs --iptables=false --ip6tables=false --bridge=none";

/// Runs a container in that one.
pub(crate) const IN_DOCKER: &str = "until docker info; do sleep 0.05; done && docker import /var/tmp/image.tar image &&
    docker run --detach --network=none --name inner image sleep 600";

/// What a container with Podman in it runs, which needs no daemon.
pub(crate) const PODMAN: &str =
    "mkdir /sys/fs/cgroup/init && echo $$ >/sys/fs/cgroup/init/cgroup.procs && exec sleep 600";

/// Podman's command line there: nobody has put systemd in there, and overlays do not stack.
const PODMAN_THERE: [&str; 5] = ["env", "TMPDIR=/tmp", "podman", "--cgroup-manager=cgroupfs", "--storage-driver=vfs"];

/// Podman's service, at a socket that is not the usual one, which systemd has.
const SERVICE: &str =
    "systemd-run --quiet --unit=for-sockets podman system service --time=0 unix:///run/for-sockets.sock &&
    until [ -S /run/for-sockets.sock ]; do sleep 0.05; done";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nested::podman_in_docker", |machine| podman_in(machine, "docker")),
        suite.trial("nested::docker_in_podman", |machine| docker_in(machine, "podman")),
        suite.trial("nested::podman_in_podman", |machine| podman_in(machine, "podman")),
        suite.trial("nested::docker_in_docker", |machine| docker_in(machine, "docker")),
        suite.trial("nested::podman_in_docker_in_podman", podman_in_docker_in_podman),
        suite.trial("nested::with_each_others_sockets", with_each_others_sockets),
    ]
}

/// The image, for all engines.
pub(crate) fn prepare(machine: &Machine) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        machine.script(IMAGE, &[]).unwrap();
    });
}

/// Runs a container with an engine in it by the machine's own Docker or Podman.
pub(crate) fn nest(machine: &Machine, engine: &str, name: &str, command: &str) -> Result<(), Failed> {
    static ONCE: Once = Once::new();
    prepare(machine);
    ONCE.call_once(|| {
        for engine in ["docker", "podman"] {
            machine.run(&[engine, "import", "/var/tmp/nest.tar", "nest"]).ok().unwrap();
        }
    });
    if engine == "podman" {
        podman::prepare(machine);
    } else {
        docker::run(machine, &format!("beside-{name}"), &[])?;
    }
    let run = [engine, "run", "--detach", "--network=none", "--name", name];
    machine.run(&[&run[..], &OPTIONS, &["nest", "sh", "-c", command]].concat()).ok()?;
    Ok(())
}

/// All that is in a container, by its path and in order.
fn inside(machine: &Machine, path: &str) -> Result<Vec<String>, Failed> {
    let mut listed = targets(&machine.run(&["nicon-resolve", &format!("{path}.**")]).ok()?)?;
    listed.sort();
    Ok(listed)
}

fn docker_in(machine: &Machine, engine: &str) -> Result<(), Failed> {
    let name = format!("{engine}-with-docker");
    nest(machine, engine, &name, DOCKER)?;
    machine.run(&[engine, "exec", &name, "sh", "-c", IN_DOCKER]).ok()?;
    let there = [engine, "exec", &name, "docker"];
    let by_host_pid = ["run", "--detach", "--pid=host", "--network=none", "--name=by-host", "image", "sleep", "600"];
    machine.run(&[&there[..], &by_host_pid].concat()).ok()?;
    for inner in ["inner", "by-host"] {
        found_by(machine, &[], &format!("{name}.{inner}"), &there, 1)?;
    }
    assert_eq!(inside(machine, &name)?, [format!("{name}.by-host"), format!("{name}.inner")]);
    Ok(())
}

fn podman_in(machine: &Machine, engine: &str) -> Result<(), Failed> {
    let name = format!("{engine}-with-podman");
    nest(machine, engine, &name, PODMAN)?;
    let there = [&[engine, "exec", &name], &PODMAN_THERE[..]].concat();
    runs(machine, &there)?;
    for inner in ["inner", "by-host", "by-runc"] {
        found_by(machine, &[], &format!("{name}.{inner}"), &there, 1)?;
    }
    let all = ["by-host", "by-runc", "inner"].map(|inner| format!("{name}.{inner}"));
    assert_eq!(inside(machine, &name)?, all);
    // A service of Podman's in there says the same.
    let serve = ["system", "service", "--time=0", "unix:///run/podman/podman.sock"];
    let detached = [&[engine, "exec", "--detach", &name], &PODMAN_THERE[..], &serve].concat();
    machine.run(&[engine, "exec", &name, "mkdir", "/run/podman"]).ok()?;
    machine.run(&detached).ok()?;
    let up = "until \"$@\" test -S /run/podman/podman.sock; do sleep 0.05; done";
    machine.script(up, &[engine, "exec", &name])?;
    for inner in ["inner", "by-host", "by-runc"] {
        found_by(machine, &[], &format!("{name}.{inner}"), &there, 1)?;
    }
    assert_eq!(inside(machine, &name)?, all);
    Ok(())
}

/// Runs containers by the Podman with this command line.
fn runs(machine: &Machine, podman: &[&str]) -> Result<(), Failed> {
    machine.run(&[podman, &["import", "/var/tmp/image.tar", "image"]].concat()).ok()?;
    for (name, option) in [("inner", "--init=false"), ("by-host", "--pid=host"), ("by-runc", "--runtime=runc")] {
        let run =
            ["run", "--detach", "--network=none", "--pids-limit=0", option, "--name", name, "image", "sleep", "600"];
        machine.run(&[podman, &run].concat()).ok()?;
    }
    Ok(())
}

/// Three engines, each in a container of the one before it.
fn podman_in_docker_in_podman(machine: &Machine) -> Result<(), Failed> {
    nest(machine, "podman", "outermost", DOCKER)?;
    machine.run(&["podman", "exec", "outermost", "sh", "-c", IN_DOCKER]).ok()?;
    let docker = ["podman", "exec", "outermost", "docker"];
    machine.run(&[&docker[..], &["import", "/var/tmp/nest.tar", "nest"]].concat()).ok()?;
    let run = ["run", "--detach", "--network=none", "--name=middle"];
    machine.run(&[&docker[..], &run, &OPTIONS, &["nest", "sh", "-c", PODMAN]].concat()).ok()?;
    found_by(machine, &[], "outermost.middle", &docker, 1)?;
    let podman = [&docker[..], &["exec", "middle"], &PODMAN_THERE].concat();
    runs(machine, &podman)?;
    for inner in ["inner", "by-host", "by-runc"] {
        found_by(machine, &[], &format!("outermost.middle.{inner}"), &podman, 2)?;
    }
    let names = ["inner", "middle", "middle.by-host", "middle.by-runc", "middle.inner"];
    assert_eq!(inside(machine, "outermost")?, names.map(|name| format!("outermost.{name}")));
    Ok(())
}

/// Containers of Docker with Podman's socket, and the other way round: paths go on through each, and a pattern without an end lists
/// all of them once.
fn with_each_others_sockets(machine: &Machine) -> Result<(), Failed> {
    podman::prepare(machine);
    docker::run(machine, "reached-docker", &[])?;
    machine.script(SERVICE, &[])?;
    let run = ["run", "--detach", "--network=none", "--name"];
    let sleep = ["image", "sleep", "600"];
    let (to_podman, to_docker) =
        ("--volume=/run/for-sockets.sock:/run/podman/podman.sock", "--volume=/run/docker.sock:/run/docker.sock");
    machine.run(&[&["docker"], &run[..], &["holds-podman", to_podman], &sleep].concat()).ok()?;
    machine.run(&[&["podman"], &run[..], &["holds-docker", to_docker], &sleep].concat()).ok()?;
    machine.run(&[&["podman"], &run[..], &["reached-podman"], &sleep].concat()).ok()?;
    for (path, engine) in [
        ("holds-podman.reached-podman", "podman"),
        ("holds-docker.reached-docker", "docker"),
        ("holds-podman.holds-docker.reached-docker", "docker"),
        ("holds-docker.holds-podman.reached-podman", "podman"),
        ("holds-docker.holds-podman.holds-docker.holds-podman", "docker"),
    ] {
        found_by(machine, &[], path, &[engine], 0)?;
    }
    let listed = targets(&machine.run(&["nicon-resolve", "**"]).stdout)?;
    for name in ["holds-docker", "holds-podman", "reached-docker", "reached-podman"] {
        let by_name = |target: &&String| target.rsplit('.').next() == Some(name);
        assert_eq!(listed.iter().filter(by_name).collect::<Vec<_>>(), [name], "{listed:?}");
    }
    Ok(())
}
