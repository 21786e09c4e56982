//! A Docker daemon whose containers outlive it (`live-restore`), with its data where its configuration file says.

use libtest_mimic::{Failed, Trial};

use crate::Suite;
use crate::machine::Machine;

/// The words with which a command begins that sees what such a daemon sees.
type Place = [String; 3];

/// Starts a process in whose mount namespace nothing of the machine's own engines is seen, and tells its PID.
const APART: &str = r#"pid=$(mktemp); setsid unshare --mount sh -c '
    mount -t tmpfs -o mode=755 apart /run && mount -t tmpfs apart /etc/docker && mount -t tmpfs apart /var/lib/docker
    mkdir /run/data && echo $$ && exec sleep infinity >/dev/null' </dev/null >"$pid" 2>/dev/null &
    until [ -s "$pid" ]; do sleep 0.02; done; cat "$pid" && rm "$pid""#;

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

fn apart(machine: &Machine) -> Result<Place, Failed> {
    let pid = machine.script(APART, &[])?;
    Ok(["nsenter".to_owned(), format!("--mount=/proc/{pid}/ns/mnt"), "--wd=/".to_owned()])
}

fn script(machine: &Machine, place: &Place, script: &str, arguments: &[&str]) -> Result<String, Failed> {
    let words: Vec<&str> = place.iter().map(String::as_str).chain(["sh", "-c", script, "sh"]).collect();
    Ok(machine.run(&[&words, arguments].concat()).ok()?)
}

/// What nicon-resolve says there.
fn resolve(machine: &Machine, place: &Place, arguments: &[&str]) -> nicon_lab::Ran {
    let words: Vec<&str> = place.iter().map(String::as_str).chain(["nicon-resolve", "--pid"]).collect();
    machine.run(&[&words, arguments].concat())
}

fn stopped_under_live_restore(machine: &Machine) -> Result<(), Failed> {
    let place = apart(machine)?;
    let config = "/etc/docker/daemon.json";
    let setting = r#""live-restore":true,"data-root":"/run/data""#;
    script(machine, &place, START, &[config, setting])?;
    let pid = script(machine, &place, RUN, &["outlives"])?;
    script(machine, &place, SIGNAL, &["TERM"])?;
    // The kernel is the witness that it runs.
    assert!(script(machine, &place, "cat /proc/$1/cgroup", &[&pid])?.contains("docker"));
    for path in ["outlives", "docker:outlives", "*", "**"] {
        assert_eq!(resolve(machine, &place, &[path]).ok()?, pid, "{path}");
    }
    let refused = resolve(machine, &place, &["nobody"]);
    assert_eq!(refused.code(), Some(1), "{refused:?}");

    // A configuration that is not understood may name any place.
    script(machine, &place, r#"cp "$1" /run/kept && echo '{' >"$1""#, &[config])?;
    for path in ["outlives", "*"] {
        let refused = resolve(machine, &place, &[path]);
        assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
        assert!(refused.stderr.contains("/etc/docker/daemon.json is not understood"), "{refused:?}");
    }
    script(machine, &place, r#"mv /run/kept "$1""#, &[config])?;

    // A daemon that takes containers with it: those that it finds running, and those that it started.
    let setting = r#""data-root":"/run/data""#;
    script(machine, &place, START, &[config, setting])?;
    script(machine, &place, RUN, &["ends"])?;
    script(machine, &place, SIGNAL, &["TERM"])?;
    for name in ["ends", "outlives"] {
        let refused = resolve(machine, &place, &[name]);
        assert_eq!(refused.code(), Some(1), "{refused:?}");
        assert!(refused.stderr.contains(&format!("container \"{name}\" is not running")), "{refused:?}");
    }
    let refused = resolve(machine, &place, &["*"]);
    assert_eq!((refused.code(), refused.stderr.lines().count()), (Some(1), 1), "{refused:?}");
    Ok(())
}

fn slow_with_data_elsewhere(machine: &Machine) -> Result<(), Failed> {
    for (config, options) in
        [("/etc/docker/daemon.json", &[][..]), ("/run/by-option.json", &["--config-file=/run/by-option.json"][..])]
    {
        let place = apart(machine)?;
        script(machine, &place, START, &[&[config, r#""data-root":"/run/data""#], options].concat())?;
        let pid = script(machine, &place, RUN, &["slow"])?;
        script(machine, &place, SIGNAL, &["STOP"])?;
        let found = resolve(machine, &place, &["--timeout=2", "slow"]);
        let listed = resolve(machine, &place, &["--timeout=2", "*"]);
        script(machine, &place, SIGNAL, &["CONT"])?;
        script(machine, &place, "docker rm --force slow", &[])?;
        script(machine, &place, SIGNAL, &["TERM"])?;
        assert_eq!(found.ok()?, pid, "{config}");
        assert_eq!((listed.code(), listed.stdout.trim()), (Some(2), &pid[..]), "{listed:?}");
        assert!(listed.stderr.contains("its files were read instead"), "{listed:?}");
    }
    Ok(())
}
