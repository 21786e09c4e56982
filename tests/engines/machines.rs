//! Machines that are containers: those that are registered with systemd-machined, and those of systemd-nspawn that are not.

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;
use serde_json::Value;

use crate::expect::{is_in, targets};
use crate::suite::Suite;
use crate::watching::Watching;

/// Runs systemd-nspawn as a service: the name of its machine, and options.
const RUN: &str = r#"name=$1 root=/var/lib/machines/$1 && shift && mkdir -p $root && tar -xf /var/tmp/image.tar -C $root &&
    mkdir -p $root/usr $root/proc $root/etc && : >$root/etc/os-release &&
    systemd-run --quiet --collect --unit=nspawn-$name systemd-nspawn --quiet --directory=$root "$@" /bin/sleep 600 &&
    until pid=$(systemctl show --property=MainPID --value nspawn-$name) && inner=$(pgrep -f '^/bin/sleep 600$' -P $pid); do sleep 0.02; done &&
    echo $inner"#;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("machines::that_are_registered", that_are_registered),
        suite.trial("machines::that_are_not", that_are_not),
        suite.trial("machines::that_no_unit_proves", that_no_unit_proves),
        suite.trial("machines::that_a_user_registered", that_a_user_registered),
        suite.trial("machines::are_followed", are_followed),
    ]
}

fn is_at(machine: &Machine, name: &str, pid: &str) -> Result<(), Failed> {
    let link = machine.run(&["readlink", &format!("/proc/{pid}/ns/mnt")]).ok()?;
    for target in [format!("/{name}"), format!("/machine:{name}"), format!("/root@machine:{name}")] {
        is_in(machine, &target, pid, &link)?;
    }
    Ok(())
}

fn hop(machine: &Machine, path: &str) -> Result<Value, Failed> {
    let record: Value = serde_json::from_str(&machine.run(&["nicon-resolve", path]).ok()?)?;
    Ok(record["hops"][0].clone())
}

fn that_are_registered(machine: &Machine) -> Result<(), Failed> {
    for (name, options) in [
        ("registered", &["--machine=registered", "--private-network"][..]),
        ("in.its.unit", &["--machine=in.its.unit", "--keep-unit"]),
        ("users-mapped", &["-M", "users-mapped", "--private-users=524288:65536", "--private-users-ownership=map"]),
    ] {
        let inner = machine.script(RUN, &[&[name], options].concat())?;
        let leader =
            "until pid=$(machinectl show --property=Leader --value $1 2>/dev/null); do sleep 0.02; done; echo $pid";
        let leader = machine.script(leader, &[name])?;
        assert_eq!(leader, inner, "{name}");
        is_at(machine, name, &leader)?;
        let hop = hop(machine, &format!("/{name}"))?;
        assert_eq!((&hop["engine"], &hop["verified"]), (&"machine".into(), &"unit".into()), "{hop}");
    }
    // It is listed once, though its nspawn tells of it, too.
    let listed = targets(&machine.run(&["nicon-resolve", "machine:*"]).stdout)?;
    assert_eq!(listed.iter().filter(|target| *target == "machine:registered").count(), 1, "{listed:?}");
    Ok(())
}

fn that_are_not(machine: &Machine) -> Result<(), Failed> {
    for (name, options) in [
        ("unregistered", &["--machine=unregistered", "--register=no", "--keep-unit", "--network-veth"][..]),
        ("named-by-directory", &["--register=no", "--keep-unit", "--bind-ro", "/etc"]),
    ] {
        let inner = machine.script(RUN, &[&[name], options].concat())?;
        assert!(!machine.run(&["machinectl", "show", name]).status.success());
        is_at(machine, name, &inner)?;
        let hop = hop(machine, name)?;
        assert_eq!((&hop["via"], &hop["verified"]), (&"monitor".into(), &"monitor".into()), "{hop}");
    }
    Ok(())
}

/// Files say what is not so: of a process that is in another unit, and of a machine that is a virtual one.
fn that_no_unit_proves(machine: &Machine) -> Result<(), Failed> {
    let other = machine.script(RUN, &["unit-less", "--register=no", "--keep-unit"])?;
    let write = r#"printf 'NAME=%s\nSCOPE=%s\nLEADER=%s\nCLASS=%s\n' "$1" "$2" "$3" "$4" >/run/systemd/machines/$1"#;
    for (name, pid, class) in
        [("claimed", &other[..], "container"), ("claimed-init", "1", "container"), ("virtual", &other, "vm")]
    {
        machine.script(write, &[name, &format!("machine-{name}.scope"), pid, class])?;
    }
    for (name, status, words) in [
        ("claimed", 2, "not the first process in the unit"),
        ("claimed-init", 2, "PID 1"),
        ("virtual", 1, "is a virtual one, and no container"),
    ] {
        let refused = machine.run(&["nicon-resolve", &format!("machine:{name}")]);
        assert_eq!((refused.code(), &refused.stdout[..]), (Some(status), ""), "{refused:?}");
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    machine.script("cd /run/systemd/machines && rm claimed claimed-init virtual", &[])?;
    is_at(machine, "unit-less", &other)?;
    // Whoever has been given a cgroup has made one below that is called like the unit of a machine, in one like a slice.
    let forge = r"own=/sys/fs/cgroup/system.slice/forger.service unit=machine-forged.scope
        systemd-run --quiet --unit=forger --property=Delegate=yes unshare --pid --mount --fork --kill-child sleep 600
        until forged=$(pgrep -P $(systemctl show --property=MainPID --value forger)); do sleep 0.02; done
        mkdir -p $own/x.slice/$unit && echo $forged >$own/x.slice/$unit/cgroup.procs && echo $forged";
    let forged = machine.script(forge, &[])?;
    machine.script(write, &["forged", "machine-forged.scope", &forged, "container"])?;
    let refused = machine.run(&["nicon-resolve", "machine:forged"]);
    machine.script("rm /run/systemd/machines/forged && systemctl kill --signal=KILL forger", &[])?;
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("not the first process in the unit"), "{refused:?}");
    Ok(())
}

/// As systemd 258 writes it of a user whom it lets register machines: the leader is root's container.
fn that_a_user_registered(machine: &Machine) -> Result<(), Failed> {
    let pid = machine.script(RUN, &["of-root", "--machine=of-root"])?;
    machine.script("until machinectl show of-root >/dev/null 2>&1; do sleep 0.02; done", &[])?;
    let copy = r#"sed "s/^NAME=.*/NAME=$1\nUID=$2/" /run/systemd/machines/of-root >/run/systemd/machines/$1"#;
    machine.script(copy, &["of-uid-0", "0"])?;
    machine.script(copy, &["of-uid-5", "5"])?;
    let [roots, users] =
        ["machine:of-uid-0", "machine:of-uid-5"].map(|path| machine.run(&["nicon-resolve", "--pid", path]));
    machine.script("cd /run/systemd/machines && rm of-uid-0 of-uid-5 && systemctl stop nspawn-of-root", &[])?;
    assert_eq!(roots.ok()?, pid);
    assert_eq!((users.code(), &users.stdout[..]), (Some(2), ""), "{users:?}");
    assert!(
        users.stderr.contains("whoever registered it runs as user 5, who may name only processes in user"),
        "{users:?}"
    );
    Ok(())
}

fn are_followed(machine: &Machine) -> Result<(), Failed> {
    let mut watching = Watching::start(machine, &[], &["machine:followed-*", "machine:nobody"])?;
    watching.expect("machine:nobody", "gone");
    machine.run(&["systemctl", "start", "systemd-machined"]).ok()?;
    for _ in 0..2 {
        let pid = machine.script(RUN, &["followed-machine", "--machine=followed-machine"])?;
        watching.expect_process("machine:followed-machine", "arrived", &pid);
        machine.run(&["systemctl", "stop", "nspawn-followed-machine"]).ok()?;
        watching.expect("machine:followed-machine", "gone");
    }
    Ok(())
}
