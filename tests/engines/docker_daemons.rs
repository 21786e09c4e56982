//! Docker daemons that are configured otherwise than by default, each beside the machine's own, and chosen by `DOCKER_HOST`.

use libtest_mimic::{Failed, Trial};

use crate::expect::{found_by, targets};
use crate::suite::Suite;
use crate::suite::since_trixie;
use nicon_lab::machine::Machine;

/// A daemon with a name of its own: where it keeps all that is its own is derived from that.
struct Daemon {
    name: &'static str,
    /// Its `daemon.json`.
    config: &'static str,
    options: &'static [&'static str],
    /// A script that shows, by what it prints, that this daemon is what it is here for: `$docker` is its command line.
    told: (&'static str, &'static str),
    /// Options of `docker run` that it accepts, each by a name.
    containers: &'static [(&'static str, &'static [&'static str])],
}

const COMMON: &[(&str, &[&str])] = &[
    ("plain", &[]),
    ("init", &["--init"]),
    ("host-pid", &["--pid=host"]),
    ("host-cgroupns", &["--cgroupns=host"]),
    ("privileged", &["--privileged"]),
];

/// What does not want more rights than a user namespace gives.
const IN_USERNS: &[(&str, &[&str])] = &[
    ("plain", &[]),
    ("init", &["--init"]),
    ("host-cgroupns", &["--cgroupns=host"]),
    ("host-userns", &["--userns=host", "--pid=host", "--privileged"]),
    ("read-only", &["--read-only"]),
];

const DAEMONS: [Daemon; 7] = [
    Daemon {
        name: "by-cgroupfs",
        config: "{}",
        options: &["--exec-opt=native.cgroupdriver=cgroupfs"],
        told: ("$docker info --format '{{.CgroupDriver}}'", "cgroupfs"),
        containers: COMMON,
    },
    Daemon {
        name: "by-systemd",
        config: "{}",
        options: &["--exec-opt=native.cgroupdriver=systemd", "--cgroup-parent=labs.slice"],
        told: ("$docker info --format '{{.CgroupDriver}}'", "systemd"),
        containers: COMMON,
    },
    Daemon {
        name: "with-image-store",
        config: r#"{"features": {"containerd-snapshotter": true}}"#,
        options: &[],
        told: ("$docker info --format '{{.DriverStatus}}'", "io.containerd.snapshotter.v1"),
        containers: COMMON,
    },
    Daemon {
        name: "with-userns-remap",
        config: "{}",
        options: &["--userns-remap=default"],
        told: ("$docker info --format '{{.SecurityOptions}}'", "name=userns"),
        containers: IN_USERNS,
    },
    Daemon {
        name: "with-own-namespace",
        config: "{}",
        options: &["--containerd-namespace=labs", "--containerd-plugins-namespace=labs-plugins"],
        told: (SHIMS, "-namespace labs "),
        containers: COMMON,
    },
    Daemon {
        name: "by-crun",
        config: r#"{"runtimes": {"crun-here": {"path": "/usr/local/bin/crun-here"}}, "default-runtime": "crun-here"}"#,
        options: &[],
        told: ("$docker info --format '{{.DefaultRuntime}}'", "crun-here"),
        containers: COMMON,
    },
    Daemon {
        name: "by-crun-added",
        config: "{}",
        options: &["--add-runtime=crun-here=/usr/local/bin/crun-here", "--exec-opt=native.cgroupdriver=cgroupfs"],
        told: ("$docker info --format '{{.Runtimes}}'", "crun-here"),
        containers: &[("plain", &["--runtime=crun-here"]), ("host-pid", &["--runtime=crun-here", "--pid=host"])],
    },
];

/// The command lines of the shims, which tell the address and the namespace of the containerd that started them.
const SHIMS: &str = "pgrep --full --list-full containerd-shim";

/// Starts a daemon, `NAME CONFIG [OPTION]..`, with the settings of Docker's own unit. It is up when this ends.
const START: &str = r#"name=$1 home=/var/lib/$1 && mkdir -p $home && printf %s "$2" >$home/daemon.json && shift 2 &&
    systemd-run --quiet --unit=$name --property=Type=notify --property=Delegate=yes --property=KillMode=process \
    dockerd --config-file=$home/daemon.json --data-root=$home/data --exec-root=/run/$name --pidfile=/run/$name.pid \
    --host=unix:///run/$name.sock --bridge=none --iptables=false --ip6tables=false "$@" &&
    docker --host=unix:///run/$name.sock import /var/tmp/image.tar image"#;

/// crun refuses even an empty limit on I/O where cgroups have no such controller.
const CRUN: &str = r#"printf '%s\n' '#!/bin/sh' 'for word; do' 'if [ "$option" = --bundle ]; then cd "$word" &&' \
    'jq "del(.linux.resources.blockIO)" config.json >config && mv config config.json; fi; option=$word; done' \
    'exec crun "$@"' >/usr/local/bin/crun-here.$$ && chmod 755 /usr/local/bin/crun-here.$$ &&
    mv /usr/local/bin/crun-here.$$ /usr/local/bin/crun-here"#;

/// Whom `--userns-remap=default` means, and their IDs. Not while others are added: `useradd` replaces the files.
const REMAP: &str = "flock /run/useradd sh -c 'useradd --system dockremap &&
    echo dockremap:20000000:65536 | tee -a /etc/subgid >>/etc/subuid'";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let by_name = DAEMONS.map(|daemon| {
        let name = daemon.name;
        let trial = suite.trial(&format!("docker_daemons::{name}"), move |machine| {
            match daemon.name {
                "with-userns-remap" => drop(machine.script(REMAP, &[])?),
                "by-crun" | "by-crun-added" => drop(machine.script(CRUN, &[])?),
                _ => {}
            }
            machine.script(START, &[&[daemon.name, daemon.config], daemon.options].concat())?;
            serves(machine, &daemon)
        });
        match name {
            "with-image-store" => since_trixie(trial, "Docker with containerd's image store: it came with 24"),
            _ => trial,
        }
    });
    let others = [
        suite.trial("docker_daemons::with_own_containerd", with_own_containerd),
        suite.trial("docker_daemons::that_restart", that_restart),
    ];
    by_name.into_iter().chain(others).collect()
}

/// The word with which a command line of Docker's chooses a daemon, and nicon's.
fn choosing(name: &str) -> (String, String) {
    (format!("--host=unix:///run/{name}.sock"), format!("DOCKER_HOST=unix:///run/{name}.sock"))
}

fn run(machine: &Machine, daemon: &str, name: &str, options: &[&str]) -> Result<String, Failed> {
    let (host, _) = choosing(daemon);
    let run = ["docker", &host, "run", "--detach", "--network=none", "--name", name];
    Ok(machine.run(&[&run, options, &["image", "sleep", "600"]].concat()).ok()?)
}

/// It is what it is here for, and its containers are found and listed, and nobody else's.
fn serves(machine: &Machine, daemon: &Daemon) -> Result<(), Failed> {
    let (host, setting) = choosing(daemon.name);
    for (name, options) in daemon.containers {
        run(machine, daemon.name, name, options)?;
        found_by(machine, &["env", &setting], name, &["docker", &host], 0)?;
    }
    let (witness, expected) = daemon.told;
    let told = machine.script(&format!("docker=\"docker $1\" && {witness}"), &[&host])?;
    assert!(told.contains(expected), "{}: {told}", daemon.name);
    let ran = machine.run(&["env", &setting, "nicon-resolve", "**"]);
    let (mut listed, names) = (targets(&ran.stdout)?, daemon.containers.iter().map(|(name, _)| *name));
    let mut names: Vec<_> = names.collect();
    listed.sort();
    names.sort_unstable();
    assert_eq!((listed, &ran.stderr[..], ran.code()), (names.iter().map(ToString::to_string).collect(), "", Some(0)));
    Ok(())
}

/// A daemon starts one where there is none of the system's, which is hidden from this one.
fn with_own_containerd(machine: &Machine) -> Result<(), Failed> {
    let start = START.replace(" dockerd ", " --property=TemporaryFileSystem=/run/containerd dockerd ");
    machine.script(&start, &["with-own", "{}"])?;
    let daemon = Daemon {
        name: "with-own",
        config: "{}",
        options: &[],
        told: (SHIMS, "-address /run/with-own/containerd/containerd.sock"),
        containers: COMMON,
    };
    serves(machine, &daemon)
}

/// With `live-restore`, containers outlive their daemon, which knows them again.
fn that_restart(machine: &Machine) -> Result<(), Failed> {
    let name = "with-live-restore";
    let (host, setting) = choosing(name);
    machine.script(START, &[name, r#"{"live-restore": true}"#])?;
    run(machine, name, "left", &[])?;
    run(machine, name, "left-host-pid", &["--pid=host"])?;
    let ask = |container: &str| machine.run(&["env", &setting, "nicon-resolve", "--pid", container]).ok();
    let before = (ask("left")?, ask("left-host-pid")?);
    let daemon = machine.run(&["cat", &format!("/run/{name}.pid")]).ok()?;
    machine.run(&["systemctl", "kill", "--signal=KILL", "--kill-whom=main", name]).ok()?;
    let gone = "while [ -e /proc/$1 ]; do sleep 0.05; done; systemctl reset-failed $2 2>/dev/null; true";
    machine.script(gone, &[&daemon, name])?;
    machine.script(START, &[name, r#"{"live-restore": true}"#])?;
    assert_ne!(machine.run(&["cat", &format!("/run/{name}.pid")]).ok()?, daemon);
    assert_eq!((ask("left")?, ask("left-host-pid")?), before);
    for container in ["left", "left-host-pid"] {
        found_by(machine, &["env", &setting], container, &["docker", &host], 0)?;
    }
    Ok(())
}
