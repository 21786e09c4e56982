//! Podman as Debian configures it: the systemd cgroup manager, crun, no socket until somebody asks.

use std::sync::Once;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::expect::{found_where_it_is, targets};
use crate::suite::Suite;
use crate::suite::since_trixie;
use nicon_lab::machine::Machine;

/// What people run, each by a name.
const KINDS: [(&str, &[&str]); 7] = [
    ("by-crun", &[]),
    ("by-runc", &["--runtime=runc"]),
    ("without-cgroups", &["--cgroups=disabled"]),
    ("without-conmon", &["--cgroups=no-conmon"]),
    ("by-host-pid", &["--pid=host"]),
    ("by-private-userns", &["--uidmap=0:100000:65536"]),
    ("with-init", &["--init"]),
];

/// A unit of systemd's that is a container: a quadlet. Its cgroup is split between conmon and the container.
const QUADLET: &str =
    "mkdir -p /etc/containers/systemd && printf '%s\n' '[Container]' Image=localhost/image 'Exec=sleep 600' \
    ContainerName=quadlet Network=none >/etc/containers/systemd/quadlet.container &&
    systemctl daemon-reload && systemctl start quadlet";

/// Two containers in a pod, which share all but the mount namespace.
const POD: &str = "podman pod create --name pod --network=none --share=pid,ipc,net,uts &&
    podman run --detach --pod pod --name first image sleep 600 && podman run --detach --pod pod --name second image sleep 600";

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let by_name = KINDS.map(|(name, options)| {
        suite.trial(&format!("podman::{name}"), move |machine| {
            prepare(machine);
            let run = ["podman", "run", "--detach", "--network=none", "--name", name];
            machine.run(&[&run, options, &["image", "sleep", "600"]].concat()).ok()?;
            found_where_it_is(machine, name, &["podman"])
        })
    });
    let others = [
        since_trixie(suite.trial("podman::quadlet", quadlet), "quadlets: they came with Podman 4.4"),
        suite.trial("podman::pod", pod),
        suite.trial("podman::labels", labels),
        suite.trial("podman::no_service_is_started", no_service_is_started),
    ];
    by_name.into_iter().chain(others).collect()
}

/// Imports the image for root.
pub(crate) fn prepare(machine: &Machine) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        machine.script("podman import /var/tmp/image.tar image", &[]).unwrap();
    });
}

fn quadlet(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    machine.script(QUADLET, &[])?;
    found_where_it_is(machine, "quadlet", &["podman"])
}

fn pod(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    machine.script(POD, &[])?;
    for name in ["first", "second"] {
        found_where_it_is(machine, name, &["podman"])?;
    }
    Ok(())
}

/// Where systemd listens for Podman, a pattern reads files, and so does the path of a container that they know.
fn no_service_is_started(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    machine.script("systemctl start podman.socket", &[])?;
    for (name, options) in [("listed", &[][..]), ("to-be-removed", &["--rm"]), ("stopped", &["--runtime=runc"])] {
        let run =
            [&["podman", "run", "--detach", "--network=none", "--name", name], options, &["image", "sleep", "600"]];
        machine.run(&run.concat()).ok()?;
    }
    machine.run(&["podman", "stop", "--time=0", "stopped"]).ok()?;
    let ran = machine.run(&["nicon-resolve", "*"]);
    let targets = targets(&ran.stdout)?;
    for name in ["listed", "to-be-removed"] {
        assert!(targets.iter().any(|target| target == name), "{ran:?}");
        found_where_it_is(machine, name, &["podman"])?;
        assert!(!ran.stderr.contains(name), "{ran:?}");
    }
    assert!(!ran.stdout.contains("stopped") && !ran.stderr.contains("stopped"), "{ran:?}");
    let refused = machine.run(&["nicon-resolve", "stopped"]);
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("is not running"), "{refused:?}");
    assert_eq!(machine.run(&["systemctl", "is-active", "podman.service"]).stdout.trim(), "inactive");
    Ok(())
}

/// Those that Podman tells of, by a service of the test's own.
fn labels(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let run = [
        "podman",
        "run",
        "--detach",
        "--network=none",
        "--name=with-labels",
        "--label=app=web",
        "--label=odd=\u{1b}[2J = ",
    ];
    machine.run(&[&run[..], &["image", "sleep", "600"]].concat()).ok()?;
    let serve = "systemd-run --quiet --unit=serve-labels podman system service --time=0 unix:///run/labels.sock
        until [ -S /run/labels.sock ]; do sleep 0.02; done";
    machine.script(serve, &[])?;
    let ask =
        |words: &str| machine.script(&format!("CONTAINER_HOST=unix:///run/labels.sock nicon-resolve {words}"), &[]);
    let told: Value = serde_json::from_str(&ask("--labels podman:with-labels")?)?;
    let witness = machine.run(&["podman", "inspect", "--format={{json .Config.Labels}}", "with-labels"]).ok()?;
    let pid = machine.run(&["podman", "inspect", "--format={{.State.Pid}}", "with-labels"]).ok()?;
    let narrowed = ["app=web", "odd"].map(|label| ask(&format!("--pid --label={label} 'podman:with-label?'")));
    let others = ask("--label=app=db podman:with-labels; echo $?");
    machine.script("systemctl stop serve-labels; podman rm --force --time=0 with-labels", &[])?;
    assert_eq!(told["labels"], serde_json::from_str::<Value>(&witness)?);
    for narrowed in narrowed {
        assert_eq!(narrowed?, pid);
    }
    assert_eq!(others?, "1");
    Ok(())
}
