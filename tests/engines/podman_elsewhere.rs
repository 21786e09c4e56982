//! Podman with its files in other places than usual: another store, another directory for the runtime's state, and a user without a
//! runtime directory. Nothing but conmon, which watches each container, leads there.

use libtest_mimic::{Failed, Trial};

use crate::docker;
use crate::expect::{found_by, targets};
use crate::podman;
use crate::suite::Suite;
use crate::users::{HEIDI, undisturbed_trial};
use nicon_lab::machine::Machine;

/// A second store of root's.
const SECOND: [&str; 3] = ["podman", "--root=/var/lib/elsewhere/second", "--runroot=/run/elsewhere/second"];

/// The usual store, with a runtime of another name, which was told where to keep its state.
const FLAGGED: [&str; 3] =
    ["podman", "--runtime=/usr/local/bin/crun-of-ours", "--runtime-flag=root=/run/elsewhere/crun"];

/// A user who neither lingers nor has a session, so that there is no runtime directory.
const ADD: &str = "flock /run/useradd useradd --uid $2 --create-home $1 && [ ! -e /run/user/$2 ] &&
    { [ -e /usr/local/bin/bare ] || { printf '%s\\n' '#!/bin/sh' 'user=$1' 'shift' 'cd /home/$user || exit' \\
        'exec setpriv --reuid=$user --regid=$user --init-groups --reset-env env PATH=$PATH TMPDIR=/tmp \"$@\"' >/usr/local/bin/bare &&
    chmod 755 /usr/local/bin/bare; }; }";

/// Her Podman.
const HEIDIS: [&str; 4] = ["bare", HEIDI.name, "podman", "--cgroup-manager=cgroupfs"];

/// A process that is called conmon, and claims that Podman has a container `$2` with the PID `$3`: `$1` begins its command. What is
/// claimed is in files below `$4`.
const FORGE: &str = r#"id=$(printf %064d "$3") pid=$3 dir=$4 conmon=/var/tmp/forged/conmon start=$(cut -d' ' -f22 "/proc/$3/stat")
    group=$(sed -n 's/^0:://p' "/proc/$pid/cgroup") && mkdir -p /var/tmp/forged && { [ -e $conmon ] || cp /bin/bash $conmon; } &&
    chmod 755 /var/tmp/forged && rm -rf "$dir" && mkdir -p $dir/g/overlay-containers $dir/r/overlay-containers/$id/userdata $dir/crun/$id &&
    printf '[{"id":"%s","names":["%s"]}]' $id "$2" >$dir/g/overlay-containers/containers.json &&
    printf %s $pid >$dir/r/overlay-containers/$id/userdata/pidfile &&
    printf '{"pid":%s,"process-start-time":%s,"cgroup-path":"%s"}' $pid $start "$group" >$dir/crun/$id/status &&
    chmod -R a+rX $dir && chown -R "$5" $dir && cd / &&
    { setsid $1 $conmon -c 'trap "kill \$!" TERM; sleep 600 & wait' -c $id -r crun --exit-command-arg --root --exit-command-arg $dir/g \
        --exit-command-arg --runroot --exit-command-arg $dir/r --exit-command-arg --tmpdir --exit-command-arg $dir/libpod \
        </dev/null >/dev/null 2>&1 & } && until [ "$(readlink /proc/$!/exe)" = $conmon ]; do sleep 0.05; done; echo $!"#;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let trial = |name: &str, test: fn(&Machine) -> Result<(), Failed>| {
        undisturbed_trial(suite, name, move |machine| {
            podman::prepare(machine);
            test(machine)
        })
    };
    vec![
        trial("podman_elsewhere::another_store", another_store),
        trial("podman_elsewhere::another_state", another_state),
        trial("podman_elsewhere::a_user_without_a_runtime_directory", a_user_without_a_runtime_directory),
        trial("podman_elsewhere::whatever_calls_itself_conmon", whatever_calls_itself_conmon),
    ]
}

fn run(machine: &Machine, engine: &[&str], name: &str, options: &[&str]) -> Result<String, Failed> {
    let run = ["run", "--detach", "--network=none", "--stop-timeout=0", "--name", name];
    Ok(machine.run(&[engine, &run, options, &["image", "sleep", "6000"]].concat()).ok()?)
}

/// A pattern lists these, each once, and no others.
fn lists(machine: &Machine, pattern: &str, expected: &[&str]) -> Result<(), Failed> {
    let ran = machine.run(&["nicon-resolve", pattern]);
    let mut listed = targets(&ran.stdout)?;
    listed.sort();
    assert_eq!(listed, expected, "{pattern}: {ran:?}");
    Ok(())
}

fn refused(machine: &Machine, path: &str, status: i32, words: &str) {
    let ran = machine.run(&["nicon-resolve", path]);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(status), ""), "{ran:?}");
    assert!(ran.stderr.contains(words), "{ran:?}");
}

/// By name, whichever runtime it is; as the store has it now, and only while it runs.
fn another_store(machine: &Machine) -> Result<(), Failed> {
    machine.run(&[&SECOND[..], &["import", "/var/tmp/image.tar", "image"]].concat()).ok()?;
    for (name, options) in [("second-crun", &[][..]), ("second-runc", &["--runtime=runc"]), ("second-rm", &["--rm"])] {
        run(machine, &SECOND, name, options)?;
        for path in [name, &format!("podman:{name}"), &format!("root@podman:{name}")] {
            found_by(machine, &[], path, &SECOND, 0)?;
        }
    }
    let id = run(machine, &SECOND, "second-old", &["--uidmap=0:100000:65536"])?;
    machine.run(&[&SECOND[..], &["rename", "second-old", "second-new"]].concat()).ok()?;
    found_by(machine, &[], "second-new", &SECOND, 0)?;
    lists(machine, "second-*", &["second-crun", "second-new", "second-rm", "second-runc"])?;
    let pid = machine.run(&["nicon-resolve", "--pid", "second-new"]).ok()?;
    assert_eq!(machine.run(&["nicon-resolve", "--pid", &format!("id:{id}")]).ok()?, pid);
    let ran = machine.run(&["nicon-resolve", "**"]);
    assert_eq!(ran.stdout.matches(&id).count(), 2, "once, in its ID and in its file: {ran:?}");

    machine.run(&[&SECOND[..], &["stop", "second-new"]].concat()).ok()?;
    refused(machine, "second-new", 1, "is not running");
    lists(machine, "second-*", &["second-crun", "second-rm", "second-runc"])?;
    // The usual one is asked first.
    run(machine, &["podman"], "second-crun", &[])?;
    found_by(machine, &[], "second-crun", &["podman"], 0)?;
    machine.run(&["podman", "rm", "--force", "second-crun"]).ok()?;
    machine.run(&[&SECOND[..], &["rm", "--force", "--all"]].concat()).ok()?;
    Ok(())
}

/// Podman's own files do not say where that is.
fn another_state(machine: &Machine) -> Result<(), Failed> {
    machine.script("cp /usr/bin/crun /usr/local/bin/crun-of-ours", &[])?;
    let names = ["flagged-1", "flagged-2", "flagged-3", "flagged-4", "flagged-5"];
    for name in names {
        run(machine, &FLAGGED, name, &[])?;
        found_by(machine, &[], name, &FLAGGED, 0)?;
    }
    lists(machine, "flagged-*", &names)?;
    machine.run(&[&FLAGGED[..], &["stop", "flagged-1"]].concat()).ok()?;
    refused(machine, "flagged-1", 1, "is not running");
    lists(machine, "flagged-*", &names[1..])?;
    machine.run(&[&FLAGGED[..], &["rm", "--force"], &names].concat()).ok()?;
    Ok(())
}

/// For root, and for herself.
fn a_user_without_a_runtime_directory(machine: &Machine) -> Result<(), Failed> {
    machine.script(ADD, &[HEIDI.name, HEIDI.uid])?;
    machine.run(&[&HEIDIS[..], &["import", "/var/tmp/image.tar", "image"]].concat()).ok()?;
    for name in ["heidis-1", "heidis-2"] {
        run(machine, &HEIDIS, name, &[])?;
        for path in [name, &format!("heidi@{name}"), &format!("{}@podman:{name}", HEIDI.uid)] {
            found_by(machine, &[], path, &HEIDIS, 0)?;
        }
    }
    found_by(machine, &["bare", HEIDI.name], "heidis-1", &HEIDIS, 0)?;
    lists(machine, "heidis-*", &["heidis-1", "heidis-2"])?;
    lists(machine, "heidi@*", &["heidi@heidis-1", "heidi@heidis-2"])?;
    let ran = machine.run(&["nicon-resolve", "**"]);
    let listed = targets(&ran.stdout)?;
    assert_eq!(listed.iter().filter(|target| target.starts_with("heidis-")).count(), 2, "{ran:?}");
    let record: serde_json::Value = serde_json::from_str(&machine.run(&["nicon-resolve", "heidis-1"]).ok()?)?;
    assert_eq!(record["hops"][0]["user"], HEIDI.name, "{record}");

    // What root has is root's, even if it has ended.
    run(machine, &["podman"], "heidis-1", &[])?;
    found_by(machine, &[], "heidis-1", &["podman"], 0)?;
    machine.run(&["podman", "stop", "heidis-1"]).ok()?;
    refused(machine, "heidis-1", 1, "is not running");
    machine.run(&["podman", "rm", "heidis-1"]).ok()?;
    machine.run(&[&HEIDIS[..], &["stop", "heidis-2"]].concat()).ok()?;
    refused(machine, "heidi@heidis-2", 1, "is not running");
    machine.run(&[&HEIDIS[..], &["rm", "--force", "--all"]].concat()).ok()?;
    Ok(())
}

/// Anybody can start one with any arguments. It counts as root's only with root's rights and root's directories; in a user namespace
/// it is bound like its user.
fn whatever_calls_itself_conmon(machine: &Machine) -> Result<(), Failed> {
    docker::run(machine, "not-conmons", &[])?;
    let pid = machine.run(&["docker", "inspect", "--format={{.State.Pid}}", "not-conmons"]).ok()?;
    let nobody = "setpriv --reuid=65534 --clear-groups";
    let forge = |starter: &str, name: &str, owner: &str| {
        machine.script(FORGE, &[starter, name, &pid, &format!("/var/tmp/forged/{name}"), owner])
    };
    let mut forgers = vec![forge("", "forged-by-root", "0")?];
    // What root itself forges is read, but still has to be proved: the process is in no container of that ID.
    refused(machine, "forged-by-root", 2, "not the container's");
    for (starter, name, owner) in [(nobody, "forged-by-nobody", "0"), ("", "forged-in-theirs", "65534")] {
        forgers.push(forge(starter, name, owner)?);
        refused(machine, name, 1, &format!("no container \"{name}\""));
        let ran = machine.run(&["nicon-resolve", "*"]);
        assert!(!ran.stdout.contains(name) && !ran.stderr.contains(name), "{ran:?}");
    }
    let in_userns = format!("{nobody} unshare --user --map-root-user");
    forgers.push(forge(&in_userns, "forged-in-userns", "65534")?);
    refused(machine, "forged-in-userns", 2, "may name only processes in user namespaces of their own");
    let ran = machine.run(&["nicon-resolve", "*"]);
    assert!(!ran.stdout.contains("forged"), "{ran:?}");
    assert_eq!(machine.run(&["nicon-resolve", "--pid", "not-conmons"]).ok()?, pid);
    machine.script("kill \"$@\" && rm -r /var/tmp/forged", &forgers.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(())
}
