//! Containers of Incus, in projects.

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;
use serde_json::Value;

use crate::expect::{is_in, targets};
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
    vec![since_trixie(suite.trial("incus::in_projects", in_projects), "Incus")]
}

fn in_projects(machine: &Machine) -> Result<(), Failed> {
    machine.script(PREPARE, &[])?;
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
    assert_eq!(listed, ["incus:alone", "incus:default:twice", "incus:prod:twice"]);
    let record: Value = serde_json::from_str(&machine.run(&["nicon-resolve", "incus:prod:twice"]).ok()?)?;
    let hop = &record["hops"][0];
    assert_eq!(
        (&hop["engine"], &hop["namespace"], &hop["verified"]),
        (&"incus".into(), &"prod".into(), &"monitor".into()),
        "{hop}"
    );
    // Nothing is asked of the daemon.
    machine.script("kill -STOP $(systemctl show -P MainPID incus)", &[])?;
    let found = machine.run(&["nicon-resolve", "--pid", "incus:prod:twice"]);
    machine.script("kill -CONT $(systemctl show -P MainPID incus)", &[])?;
    assert_eq!(found.ok()?, record["pid"].to_string());
    Ok(())
}
