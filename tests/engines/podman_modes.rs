//! The ways in which people let Podman run containers, and what becomes of these; and its service, started by hand.

use std::sync::Once;

use libtest_mimic::{Failed, Trial};

use crate::expect::{found_by, found_where_it_is, targets};
use crate::podman;
use crate::suite::Suite;
use crate::suite::since_trixie;
use nicon_lab::machine::Machine;

/// Options, each by a name. Some refer to another container.
const MODES: [(&str, &[&str]); 16] = [
    ("with-cgroups", &["--cgroups=enabled"]),
    ("by-cgroupfs", &["--cgroup-manager=cgroupfs"]),
    ("by-cgroupfs-without-conmon", &["--cgroup-manager=cgroupfs", "--cgroups=no-conmon"]),
    ("by-cgroupfs-in-parent", &["--cgroup-manager=cgroupfs", "--cgroup-parent=/labs"]),
    ("by-cgroupfs-and-runc", &["--cgroup-manager=cgroupfs", "--runtime=runc"]),
    ("in-slice", &["--cgroup-parent=labs.slice"]),
    ("in-host-cgroupns", &["--cgroupns=host"]),
    ("in-auto-userns", &["--userns=auto:size=1000"]),
    ("in-own-id-userns", &["--userns=keep-id"]),
    ("by-private-pid", &["--pid=private"]),
    ("by-container-pid", &["--pid=container:mode-host"]),
    ("by-container-pid-and-runc", &["--runtime=runc", "--pid=container:mode-host"]),
    (
        "in-all-of-a-container",
        &["--pid=container:mode-host", "--ipc=container:mode-host", "--network=container:mode-host"],
    ),
    ("with-systemd", &["--systemd=always"]),
    ("that-is-privileged", &["--privileged", "--init"]),
    ("that.has.dots", &[]),
];

/// Those of the command itself, which come before its verb.
const GLOBAL: [&str; 1] = ["--cgroup-manager="];

/// The IDs that `--userns=auto` takes, of a user whom Podman 5.8 wants to exist. Not while others are added: `useradd` replaces the
/// files.
const RANGE: &str = "flock /run/useradd sh -c 'useradd --system containers &&
    echo containers:10000000:1000000 | tee -a /etc/subgid >>/etc/subuid'";

/// A container in the cgroup of the unit that runs `podman`.
const SPLIT: &str = "systemd-run --quiet --unit=split --property=Delegate=yes --property=Type=notify \
    --property=NotifyAccess=all podman run --name split --cgroups=split --sdnotify=conmon --network=none image sleep 600";

/// The service by hand, with the usual storage.
const SERVICE_OF_ALL: &str =
    "systemd-run --quiet --unit=podman-of-all podman system service --time=0 unix:///run/of-all.sock &&
    until [ -S /run/of-all.sock ]; do sleep 0.05; done";

/// Podman's service at a socket of somebody's own, with a storage of its own, up when this ends.
const SERVICE: &str = "systemd-run --quiet --unit=podman-by-hand podman --root=/var/lib/by-hand --runroot=/run/by-hand \
    system service --time=0 unix:///run/by-hand.sock && until [ -S /run/by-hand.sock ]; do sleep 0.05; done";

/// Its command line.
const BY_HAND: [&str; 3] = ["podman", "--root=/var/lib/by-hand", "--runroot=/run/by-hand"];

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let by_mode = MODES.map(|(name, options)| {
        let trial = suite.trial(&format!("podman_modes::{name}"), move |machine| {
            prepare(machine);
            run(machine, &["podman"], name, options)?;
            found_where_it_is(machine, &as_path(name), &["podman"])
        });
        match name {
            "in-own-id-userns" => since_trixie(trial, "--userns=keep-id of root's Podman"),
            _ => trial,
        }
    });
    let others = [
        suite.trial("podman_modes::in_given_pid_namespace", in_given_pid_namespace),
        suite.trial("podman_modes::split", split),
        suite.trial("podman_modes::paused", paused),
        suite.trial("podman_modes::replaced_renamed_restarted", replaced_renamed_restarted),
        since_trixie(
            suite.trial("podman_modes::restarted_though_it_is_to_be_removed", restarted_though_it_is_to_be_removed),
            "Podman that keeps a container of --rm while it restarts it",
        ),
        suite.trial("podman_modes::that_executes", that_executes),
        suite.trial("podman_modes::infra", infra),
        suite.trial("podman_modes::service_by_hand", service_by_hand),
    ];
    by_mode.into_iter().chain(others).collect()
}

/// A container that others refer to.
fn prepare(machine: &Machine) {
    static ONCE: Once = Once::new();
    podman::prepare(machine);
    ONCE.call_once(|| {
        machine.script(RANGE, &[]).unwrap();
        run(machine, &["podman"], "mode-host", &["--pid=private"]).unwrap();
    });
}

fn run(machine: &Machine, engine: &[&str], name: &str, options: &[&str]) -> Result<String, Failed> {
    let (global, own): (Vec<&str>, Vec<&str>) =
        options.iter().partition(|option| GLOBAL.iter().any(|global| option.starts_with(global)));
    let shares = own.iter().any(|option| option.starts_with("--network="));
    let network: &[&str] = if shares { &[] } else { &["--network=none"] };
    let command = [engine, &global, &["run", "--detach", "--name", name], network, &own, &["image", "sleep", "600"]];
    Ok(machine.run(&command.concat()).ok()?)
}

/// The path of a container, whose name may have dots.
fn as_path(name: &str) -> String {
    if name.contains('.') { format!("/{name}") } else { name.to_owned() }
}

/// The PID of a container, as Podman says.
fn told(machine: &Machine, engine: &[&str], name: &str) -> Result<String, Failed> {
    Ok(machine.run(&[engine, &["inspect", "--format", "{{.State.Pid}}", name]].concat()).ok()?)
}

/// A PID namespace by its file: the container's parent is outside of it.
fn in_given_pid_namespace(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let pid = told(machine, &["podman"], "mode-host")?;
    run(machine, &["podman"], "by-given-pid", &[&format!("--pid=ns:/proc/{pid}/ns/pid")])?;
    found_where_it_is(machine, "by-given-pid", &["podman"])
}

fn split(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    machine.script(SPLIT, &[])?;
    found_where_it_is(machine, "split", &["podman"])
}

/// By files as by the service, which lists paused containers only if it is asked for them.
fn paused(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    machine.script(SERVICE_OF_ALL, &[])?;
    for (name, options) in [("paused-crun", &[][..]), ("paused-runc", &["--runtime=runc"])] {
        run(machine, &["podman"], name, options)?;
        machine.run(&["podman", "pause", name]).ok()?;
    }
    for caller in [&[][..], &["env", "CONTAINER_HOST=unix:///run/of-all.sock"]] {
        for name in ["paused-crun", "paused-runc"] {
            let found = machine.run(&[caller, &["nicon-resolve", "--pid", &format!("podman:{name}")]].concat()).ok()?;
            assert_eq!(found, told(machine, &["podman"], name)?, "{name} for {caller:?}");
        }
        let ran = machine.run(&[caller, &["nicon-resolve", "paused-*"]].concat());
        let mut listed = targets(&ran.stdout)?;
        listed.sort();
        assert_eq!(listed, ["paused-crun", "paused-runc"], "for {caller:?}: {ran:?}");
    }
    machine.run(&["podman", "unpause", "paused-crun", "paused-runc"]).ok()?;
    Ok(())
}

fn replaced_renamed_restarted(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let quick = "--stop-timeout=0";
    run(machine, &["podman"], "mode-replaced", &[quick])?;
    run(machine, &["podman"], "mode-replaced", &["--replace", quick])?;
    found_where_it_is(machine, "mode-replaced", &["podman"])?;
    run(machine, &["podman"], "mode-old", &[])?;
    machine.run(&["podman", "rename", "mode-old", "mode-new"]).ok()?;
    found_where_it_is(machine, "mode-new", &["podman"])?;
    let refused = machine.run(&["nicon-resolve", "mode-old"]);
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    restarted(machine, "mode-restarted", &[quick])
}

fn restarted_though_it_is_to_be_removed(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    restarted(machine, "mode-removed-on-stop", &["--rm", "--stop-timeout=0"])
}

/// A container has another process after a restart.
fn restarted(machine: &Machine, name: &str, options: &[&str]) -> Result<(), Failed> {
    run(machine, &["podman"], name, options)?;
    let before = told(machine, &["podman"], name)?;
    machine.run(&["podman", "restart", name]).ok()?;
    assert_ne!(told(machine, &["podman"], name)?, before, "{name} was restarted");
    found_where_it_is(machine, name, &["podman"])
}

/// The first process becomes another program, and there are others that were started later.
fn that_executes(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let run =
        ["podman", "run", "--detach", "--network=none", "--name=mode-exec", "image", "sh", "-c", "exec sleep 600"];
    machine.run(&run).ok()?;
    machine.run(&["podman", "exec", "--detach", "mode-exec", "sleep", "600"]).ok()?;
    found_where_it_is(machine, "mode-exec", &["podman"])
}

/// A pod's own container is one like others.
fn infra(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let create = ["podman", "pod", "create", "--name=mode-pod", "--infra-name=mode-infra", "--network=none"];
    machine.run(&create).ok()?;
    let run = ["podman", "run", "--detach", "--pod=mode-pod", "--name=mode-member", "image", "sleep", "600"];
    machine.run(&run).ok()?;
    assert_eq!(machine.run(&["nicon-resolve", "--pid", "mode-infra"]).ok()?, told(machine, &["podman"], "mode-infra")?);
    found_where_it_is(machine, "mode-member", &["podman"])?;
    let ran = machine.run(&["nicon-resolve", "mode-[im][ne]*"]);
    let mut listed = targets(&ran.stdout)?;
    listed.sort();
    assert_eq!(listed, ["mode-infra", "mode-member"], "{ran:?}");
    Ok(())
}

/// The one that `CONTAINER_HOST` names is the only Podman that is asked.
fn service_by_hand(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    machine.script(SERVICE, &[])?;
    machine.run(&[&BY_HAND[..], &["import", "/var/tmp/image.tar", "image"]].concat()).ok()?;
    run(machine, &["podman"], "not-by-hand", &[])?;
    let caller = ["env", "CONTAINER_HOST=unix:///run/by-hand.sock"];
    for (name, options) in [("by-hand", &[][..]), ("by-hand-and-runc", &["--runtime=runc"])] {
        run(machine, &BY_HAND, name, options)?;
        found_by(machine, &caller, &format!("podman:{name}"), &BY_HAND, 0)?;
    }
    let ran = machine.run(&[&caller[..], &["nicon-resolve", "--engine=podman", "*"]].concat());
    let mut listed = targets(&ran.stdout)?;
    listed.sort();
    assert_eq!(listed, ["by-hand", "by-hand-and-runc"], "{ran:?}");
    let refused = machine.run(&[&caller[..], &["nicon-resolve", "podman:not-by-hand"]].concat());
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    Ok(())
}
