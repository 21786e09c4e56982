//! Units of systemd, with which a path can begin.

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;
use serde_json::Value;

use crate::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("units::lead_to_their_main_process", lead_to_their_main_process),
        suite.trial("units::of_others_are_none_of_the_machine", of_others_are_none_of_the_machine),
    ]
}

fn pid_of(machine: &Machine, path: &str) -> Result<String, Failed> {
    Ok(machine.run(&["nicon-resolve", "--pid", path]).ok()?)
}

fn lead_to_their_main_process(machine: &Machine) -> Result<(), Failed> {
    // Its main process is not the oldest: a child that has outlived the last one is.
    let younger = "echo 'sleep 600 & echo $! >/run/older; sleep 600' >/run/younger.sh &&
        systemd-run --quiet --unit=younger --property=KillMode=process --property=Restart=always --property=RestartSec=0 sh /run/younger.sh &&
        until first=$(cat /run/older 2>&-); do sleep 0.02; done && kill $(systemctl show -P MainPID younger) &&
        until [ $(cat /run/older) != $first ]; do sleep 0.02; done && kill -0 $first";
    machine.script(younger, &[])?;
    machine.script("systemd-run --quiet --unit=template@one.service sleep 600", &[])?;
    for (path, unit) in [
        ("unit:dbus", "dbus.service"),
        ("/unit:dbus.service", "dbus.service"),
        ("unit:younger", "younger.service"),
        ("unit:template@one", "template@one.service"),
        ("/unit:template@one.service", "template@one.service"),
    ] {
        let expected = machine.run(&["systemctl", "show", "--property=MainPID", "--value", unit]).ok()?;
        assert_eq!(pid_of(machine, path)?, expected, "{path}");
    }
    // A unit without a main process has an oldest one.
    let scope = "systemd-run --quiet --unit=of-scope --scope sh -c 'echo $$ >/run/of-scope; sleep 600 & exec sleep 600' >&- 2>&- &
        until [ -s /run/of-scope ]; do sleep 0.02; done; cat /run/of-scope";
    let oldest = machine.script(scope, &[])?;
    assert_eq!(pid_of(machine, "/unit:of-scope.scope")?, oldest);
    // Engines inside are asked on from there.
    let docker = crate::docker::run(machine, "beside-units", &[])?;
    let record: Value = serde_json::from_str(&machine.run(&["nicon-resolve", "unit:docker.beside-units"]).ok()?)?;
    let hops = &record["hops"];
    assert_eq!((&hops[0]["name"], &hops[1]["id"]), (&"unit:docker".into(), &docker.into()), "{record}");
    for (path, status, words) in [
        ("unit:dbus.service", 2, "say \"/unit:dbus.service\""),
        ("unit:no-such", 1, "no unit \"no-such.service\" of this machine has a process"),
    ] {
        let refused = machine.run(&["nicon-resolve", path]);
        assert_eq!((refused.code(), &refused.stdout[..]), (Some(status), ""), "{refused:?}");
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    machine.script("systemctl stop younger template@one of-scope.scope; kill $(cat /run/older)", &[])?;
    Ok(())
}

/// Cgroups that are called like a unit, where they have been delegated.
fn of_others_are_none_of_the_machine(machine: &Machine) -> Result<(), Failed> {
    let made = r"cat >/run/delegated.sh <<'END'
own=/sys/fs/cgroup/system.slice/delegated.service
mkdir -p $own/wanted.service $own/x.slice/wanted.service && echo $$ >$own/x.slice/wanted.service/cgroup.procs && : >/run/delegated
exec sleep 600
END
        systemd-run --quiet --unit=delegated --property=Delegate=yes sh /run/delegated.sh &&
        until [ -e /run/delegated ]; do sleep 0.02; done";
    machine.script(made, &[])?;
    let refused = machine.run(&["nicon-resolve", "unit:wanted"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
    machine.run(&["systemctl", "kill", "--signal=KILL", "delegated"]).ok()?;
    Ok(())
}
