//! containerd with its state in another directory than usual, as k0s, RKE2 and `MicroK8s` have it.

use std::sync::Once;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::docker;
use crate::expect::is_in;
use crate::pods::prepare;
use crate::suite::Suite;
use nicon_lab::machine::Machine;

/// Starts one of its own, with images.
const START: &str = "systemd-run --quiet --unit=elsewhere --property=KillMode=process containerd --root /var/lib/elsewhere \
    --state /run/elsewhere/containerd --address /run/elsewhere.sock &&
    until ctr --address /run/elsewhere.sock version; do sleep 0.05; done &&
    for namespace in k8s.io default; do ctr --address /run/elsewhere.sock --namespace $namespace image import /var/tmp/pods.tar; done";

/// Starts one in a mount namespace of its own, where its state is at the usual place, but nobody else sees it: as a snap has it. Tells
/// its PID.
const HIDDEN: &str = "systemd-run --quiet --unit=hidden --property=KillMode=process unshare --mount sh -c '
        mount -t tmpfs -o mode=755 elsewhere /run/containerd && exec containerd --root /var/lib/hidden-elsewhere \
        --address /run/hidden-elsewhere.sock' &&
    until ctr --address /run/hidden-elsewhere.sock version; do sleep 0.05; done >/dev/null &&
    ctr --address /run/hidden-elsewhere.sock image import /var/tmp/pods.tar >/dev/null &&
    systemctl show --value --property=MainPID hidden";

/// Of a container whose runtime keeps its state in another directory than usual.
const RUN_ROOTED: &str = "--runc-root=/run/runc-elsewhere";

/// A process that is called conmon and is root, but in a mount namespace of its own and with fewer rights than root, in a PID namespace
/// where it is all that there is.
const POOR: &str = r#"cp /usr/bin/sleep /run/conmon && exec unshare --mount --pid --fork --mount-proc sh -c '
    unshare --mount setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin /run/conmon 600 &
    until grep -qs conmon /proc/$!/comm; do sleep 0.05; done; nicon-resolve "*"'"#;

/// A directory of bundles, with one of somebody else's container under another name, and a process that works in it: by the user,
/// to whom the directory belongs.
const FORGE: &str = r#"id=$1 pid=$2 name=$3 user=$4 owner=$5 directory=/var/tmp/forged-$3/io.containerd.runtime.v2.task shim=/var/tmp/containerd-shim-$3
    mkdir -p $directory/default/$id && cd $directory/default/$id && cp /usr/bin/sleep $shim &&
    printf '{"annotations":{"nerdctl/name":"%s"}}' $name >config.json && printf %s $pid >init.pid && chown -R $owner $directory || exit
    setpriv --reuid=$user --clear-groups $shim 600 </dev/null >/dev/null 2>&1 &
    until grep -qs containerd-shim /proc/$!/comm; do sleep 0.05; done"#;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("elsewhere::pods", pods),
        suite.trial("elsewhere::containers_of_ctr", containers_of_ctr),
        suite.trial("elsewhere::in_another_mount_namespace", in_another_mount_namespace),
        suite.trial("elsewhere::state_of_runc", state_of_runc),
        suite.trial("elsewhere::without_the_rights_of_root", without_the_rights_of_root),
        suite.trial("elsewhere::bundles_that_anybody_made", bundles_that_anybody_made),
    ]
}

fn start(machine: &Machine) {
    static ONCE: Once = Once::new();
    prepare(machine);
    ONCE.call_once(|| {
        machine.script(START, &[]).unwrap();
    });
}

fn cri(machine: &Machine, words: &[&str]) -> Result<String, Failed> {
    Ok(machine.run(&[&["cri", "--socket=/run/elsewhere.sock"], words].concat()).ok()?)
}

fn refusal(machine: &Machine, path: &str, status: i32, words: &[&str]) {
    let refused = machine.run(&["nicon-resolve", path]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(status), ""), "{refused:?}");
    for word in words {
        assert!(refused.stderr.contains(word), "{word}: {refused:?}");
    }
}

fn pods(machine: &Machine) -> Result<(), Failed> {
    start(machine);
    let mut pods = Vec::new();
    for name in ["far-1", "far-2"] {
        let pod = cri(machine, &["pod", name])?;
        let mut known = vec![(pod.clone(), cri(machine, &["sandbox", &pod])?)];
        for container in ["far", &format!("{name}-own")] {
            let id = cri(machine, &["run", &pod, container])?;
            known.push((id.clone(), cri(machine, &["pid", &id])?));
        }
        pods.push(known);
    }
    let (id, pid) = &pods[0][2];
    let link = cri(machine, &["execute", id, "/bin/readlink", "/proc/self/ns/mnt"])?;
    for path in [
        "far-1-own",
        "pod:far-1/far-1-own",
        "containerd:far-1-own",
        "/containerd:k8s.io:far-1-own",
        id,
        &id[..12],
        &format!("id:{id}"),
    ] {
        is_in(machine, path, pid, &link)?;
    }
    refusal(
        machine,
        "far",
        2,
        &[
            "\"far\" is ambiguous",
            "in pod default/far-1",
            "in pod default/far-2",
            "(say pod:default:far-1/far or pod:default:far-2/far)",
        ],
    );
    refusal(machine, "far-1-wn", 1, &["did you mean far-1-own"]);

    let ran = machine.run(&["nicon-resolve", "*"]);
    let records = ran.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    for (id, pid) in pods.iter().flatten() {
        let last = |record: &Value| record["hops"].as_array().and_then(|hops| hops.last()).cloned().unwrap_or_default();
        let of_id: Vec<_> = records.iter().filter(|record| last(record)["id"] == **id).collect();
        let [record] = of_id[..] else { return Err(format!("{id} is listed {} times: {ran:?}", of_id.len()).into()) };
        assert_eq!(record["pid"].to_string(), *pid, "{record}");
        let hop = last(record);
        let file = hop["file"].as_str().ok_or("no file")?;
        assert!(file.starts_with("/run/elsewhere/containerd/io.containerd.runtime.v2.task/k8s.io/"), "{record}");
        let path = record["target"].as_str().ok_or("a record without a target")?;
        assert_eq!(machine.run(&["nicon-resolve", "--pid", path]).ok()?, *pid, "{path}");
    }
    Ok(())
}

/// They are known by their names only, and each has a shim of its own.
fn containers_of_ctr(machine: &Machine) -> Result<(), Failed> {
    start(machine);
    let ctr = ["ctr", "--address=/run/elsewhere.sock"];
    let run =
        ["run", "--detach", "--runc-binary=/usr/local/bin/runc-unlimited", "docker.io/library/image:latest", "far-job"];
    machine.run(&[&ctr[..], &run, &["/bin/sleep", "600"]].concat()).ok()?;
    let list = machine.run(&[&ctr[..], &["task", "ls"]].concat()).ok()?;
    let row = list.lines().find_map(|line| line.strip_prefix("far-job")).ok_or("no such task")?;
    let pid = row.split_whitespace().next().ok_or("no PID")?;
    let exec = ["task", "exec", "--exec-id=witness", "far-job", "/bin/readlink", "/proc/self/ns/mnt"];
    let link = machine.run(&[&ctr[..], &exec].concat()).ok()?;
    for path in ["far-job", "containerd:default:far-job", "far-jo?"] {
        is_in(machine, path, pid, &link)?;
    }
    refusal(machine, "containerd:teama:far-job", 1, &["no container \"far-job\""]);
    machine.run(&[&ctr[..], &["task", "kill", "--signal=KILL", "far-job"]].concat()).ok()?;
    machine.script(
        "until ctr --address=/run/elsewhere.sock task ls | grep -q '^far-job .*STOPPED'; do sleep 0.05; done",
        &[],
    )?;
    let ran = machine.run(&["nicon-resolve", "far-jo?"]);
    assert!(ran.stdout.is_empty(), "{ran:?}");
    Ok(())
}

/// Runs a container by its name only.
fn run(machine: &Machine, ctr: &[&str], options: &[&str], name: &str) -> Result<(), Failed> {
    let run = ["run", "--detach", "--runc-binary=/usr/local/bin/runc-unlimited"];
    let what = ["docker.io/library/image:latest", name, "/bin/sleep", "6000"];
    machine.run(&[ctr, &run, options, &what].concat()).ok()?;
    Ok(())
}

/// Each of these paths leads to where containerd says that its container is.
fn leads_to(machine: &Machine, paths: &[&str], ctr: &[&str], name: &str) -> Result<String, Failed> {
    let list = machine.run(&[ctr, &["task", "ls"]].concat()).ok()?;
    let rows = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let pid = rows.filter(|row| row[0] == name).map(|row| row[1]).next().ok_or("no such task")?.to_owned();
    let exec = ["task", "exec", "--exec-id=witness", name, "/bin/readlink", "/proc/self/ns/mnt"];
    let link = machine.run(&[ctr, &exec].concat()).ok()?;
    for path in paths {
        is_in(machine, path, &pid, &link)?;
    }
    Ok(pid)
}

/// All that is listed of this name: paths and PIDs.
fn listed(machine: &Machine, name: &str) -> Result<Vec<(String, String)>, Failed> {
    let ran = machine.run(&["nicon-resolve", "**"]);
    let records = ran.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let of_name = records.into_iter().filter(|record| record["hops"][0]["id"] == *name);
    Ok(of_name
        .map(|record| (record["target"].as_str().unwrap_or_default().to_owned(), record["pid"].to_string()))
        .collect())
}

/// The paths of files are the same as those of the machine's own containerd.
fn in_another_mount_namespace(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let pid = machine.script(HIDDEN, &[])?;
    let ctr = ["nsenter", &format!("--mount=/proc/{pid}/ns/mnt"), "ctr", "--address=/run/hidden-elsewhere.sock"];
    for name in ["hidden-1", "hidden-2"] {
        run(machine, &ctr, &[], name)?;
        let found = leads_to(machine, &[name, &format!("containerd:default:{name}"), &format!("{name}*")], &ctr, name)?;
        assert_eq!(listed(machine, name)?, [(name.to_owned(), found)]);
    }
    machine.run(&[&ctr[..], &["task", "kill", "--signal=KILL", "hidden-2"]].concat()).ok()?;
    let ended = format!("until {} task ls | grep -q '^hidden-2 .*STOPPED'; do sleep 0.05; done", ctr.join(" "));
    machine.script(&ended, &[])?;
    let ran = machine.run(&["nicon-resolve", "hidden-*"]);
    assert!(!ran.stdout.contains("hidden-2") && !ran.stderr.contains("hidden-2"), "{ran:?}");
    machine.run(&[&ctr[..], &["task", "kill", "--signal=KILL", "hidden-1"]].concat()).ok()?;
    Ok(())
}

/// containerd's files do not say where runc was told to keep it. What is at the usual place is that of another containerd's container.
fn state_of_runc(machine: &Machine) -> Result<(), Failed> {
    start(machine);
    let (own, other) = (["ctr"], ["ctr", "--address=/run/elsewhere.sock"]);
    machine.run(&["ctr", "image", "import", "/var/tmp/pods.tar"]).ok()?;
    run(machine, &own, &[RUN_ROOTED], "rooted")?;
    let pid = leads_to(machine, &["rooted", "containerd:default:rooted", "roote?"], &own, "rooted")?;
    assert_eq!(listed(machine, "rooted")?, [("rooted".to_owned(), pid)]);
    assert!(machine.script("ls /run/runc-elsewhere/default", &[])?.contains("rooted"), "its state is elsewhere");

    run(machine, &own, &[RUN_ROOTED], "rooted-twin")?;
    run(machine, &other, &[], "rooted-twin")?;
    assert!(machine.script("ls /run/containerd/runc/default", &[])?.contains("rooted-twin"), "its twin's is not");
    leads_to(machine, &["rooted-twin"], &own, "rooted-twin")?;
    let ran = machine.run(&["nicon-resolve", "rooted-twi*"]);
    // No path tells one from the other.
    assert_eq!(
        (ran.code(), ran.stderr.matches("runs several containers \"rooted-twin\"").count()),
        (Some(2), 2),
        "{ran:?}"
    );
    for ctr in [&own[..], &other] {
        machine.run(&[ctr, &["task", "kill", "--signal=KILL", "rooted-twin"]].concat()).ok()?;
    }
    Ok(())
}

/// What is not believed is said. Nobody else sees it, since others want none said.
fn without_the_rights_of_root(machine: &Machine) -> Result<(), Failed> {
    let ran = machine.run(&["sh", "-c", POOR]);
    assert!(ran.stderr.contains("podman: what the monitor of a container, PID"), "{ran:?}");
    assert!(ran.stderr.contains("has not the rights of root"), "{ran:?}");
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    Ok(())
}

/// A program that is called like a shim counts only if it is root's, and works where only root can write.
fn bundles_that_anybody_made(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let id = docker::run(machine, "not-theirs", &[])?;
    let pid = machine.run(&["docker", "inspect", "--format={{.State.Pid}}", "not-theirs"]).ok()?;
    for (name, user, owner) in
        [("ghost-of-root", "0", "0"), ("ghost", "65534", "65534"), ("ghost-in-theirs", "0", "65534")]
    {
        machine.script(FORGE, &[&id, &pid, name, user, owner])?;
    }
    // What root itself forges is believed.
    assert_eq!(machine.run(&["nicon-resolve", "--pid", "ghost-of-root"]).ok()?, pid);
    for name in ["ghost", "ghost-in-theirs"] {
        refusal(machine, name, 1, &[&format!("no container \"{name}\"")]);
        refusal(machine, &format!("containerd:{name}"), 1, &[&format!("no container \"{name}\"")]);
    }
    let ran = machine.run(&["nicon-resolve", "*"]);
    assert!(!ran.stdout.contains("ghost") && !ran.stderr.contains("ghost"), "{ran:?}");
    Ok(())
}
