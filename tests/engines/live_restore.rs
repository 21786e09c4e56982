//! A Docker daemon whose containers outlive it (`live-restore`), with its data where its configuration file says.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Ran;

use crate::apart::Apart;
use crate::suite::Suite;
use nicon_lab::machine::Machine;

/// Writes a configuration file, the first argument, with one more setting, and starts a daemon by it, with options.
const START: &str = r#"config=$1 setting=$2; shift 2
    printf '{"bridge":"none","iptables":false,"ip6tables":false,"exec-root":"/run/exec","storage-driver":"vfs",%s}' "$setting" >"$config"
    setsid dockerd "$@" >>/run/log 2>&1 </dev/null & echo $! >/run/daemon
    until docker version >/dev/null 2>&1; do kill -0 $! 2>/dev/null || { tail -n 5 /run/log; exit 1; }; sleep 0.05; done"#;

/// Imports the image, and runs a container, of which it tells the PID.
const RUN: &str = r#"docker import /var/tmp/image.tar image >/dev/null &&
    docker run --detach --network=none --name="$1" image sleep 600 >/dev/null && docker inspect --format='{{.State.Pid}}' "$1""#;

/// Sends a signal to the daemon, and waits until it has had its effect.
const SIGNAL: &str = r#"pid=$(cat /run/daemon); kill "-$1" $pid
    case $1 in
    TERM) while kill -0 $pid 2>/dev/null; do sleep 0.05; done ;;
    STOP) until grep -q '^State:.*stopped' /proc/$pid/status; do sleep 0.01; done ;;
    esac"#;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("docker::stopped_under_live_restore", stopped_under_live_restore),
        suite.trial("docker::slow_with_data_elsewhere", slow_with_data_elsewhere),
    ]
}

/// What nicon-resolve says there.
fn resolve(place: &Apart, arguments: &[&str]) -> Ran {
    place.run(&[&["nicon-resolve", "--pid"], arguments].concat())
}

fn stopped_under_live_restore(machine: &Machine) -> Result<(), Failed> {
    let place = Apart::of(machine)?;
    let config = "/etc/docker/daemon.json";
    let setting = r#""live-restore":true,"data-root":"/run/data""#;
    place.script(START, &[config, setting])?;
    let pid = place.script(RUN, &["outlives"])?;
    place.script(SIGNAL, &["TERM"])?;
    // The kernel is the witness that it runs.
    assert!(place.script("cat /proc/$1/cgroup", &[&pid])?.contains("docker"));
    for path in ["outlives", "docker:outlives", "*", "**"] {
        assert_eq!(resolve(&place, &[path]).ok()?, pid, "{path}");
    }
    let refused = resolve(&place, &["nobody"]);
    assert_eq!(refused.code(), Some(1), "{refused:?}");

    // A configuration that is not understood may name any place.
    place.script(r#"cp "$1" /run/kept && echo '{' >"$1""#, &[config])?;
    // Its containerd knows no names.
    for (path, found) in [("outlives", ""), ("*", &format!("{pid}\n"))] {
        let refused = resolve(&place, &[path]);
        assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), found), "{refused:?}");
        assert!(refused.stderr.contains("/etc/docker/daemon.json is not understood"), "{refused:?}");
    }
    place.script(r#"mv /run/kept "$1""#, &[config])?;

    // A daemon that takes containers with it: those that it finds running, and those that it started.
    let setting = r#""data-root":"/run/data""#;
    place.script(START, &[config, setting])?;
    place.script(RUN, &["ends"])?;
    place.script(SIGNAL, &["TERM"])?;
    for name in ["ends", "outlives"] {
        let refused = resolve(&place, &[name]);
        assert_eq!(refused.code(), Some(1), "{refused:?}");
        assert!(refused.stderr.contains(&format!("container \"{name}\" is not running")), "{refused:?}");
    }
    let refused = resolve(&place, &["*"]);
    assert_eq!((refused.code(), refused.stderr.lines().count()), (Some(1), 1), "{refused:?}");
    Ok(())
}

fn slow_with_data_elsewhere(machine: &Machine) -> Result<(), Failed> {
    for (config, options) in
        [("/etc/docker/daemon.json", &[][..]), ("/run/by-option.json", &["--config-file=/run/by-option.json"][..])]
    {
        let place = Apart::of(machine)?;
        place.script(START, &[&[config, r#""data-root":"/run/data""#], options].concat())?;
        let pid = place.script(RUN, &["slow"])?;
        place.script(SIGNAL, &["STOP"])?;
        let found = resolve(&place, &["--timeout=2", "slow"]);
        let listed = resolve(&place, &["--timeout=2", "*"]);
        place.script(SIGNAL, &["CONT"])?;
        place.script("docker rm --force slow", &[])?;
        place.script(SIGNAL, &["TERM"])?;
        assert_eq!(found.ok()?, pid, "{config}");
        assert_eq!((listed.code(), listed.stdout.trim()), (Some(2), &pid[..]), "{listed:?}");
        assert!(listed.stderr.contains("its files were read instead"), "{listed:?}");
    }
    Ok(())
}
