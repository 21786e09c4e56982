//! runc and crun by hand, without an engine on top.

use std::sync::Once;

use libtest_mimic::{Failed, Trial};

use crate::expect::targets;
use crate::suite::Suite;
use crate::{docker, podman};
use nicon_lab::machine::Machine;

const RUNTIMES: [&str; 2] = ["runc", "crun"];

/// Makes a bundle. A limit is removed that cannot be set where limits are lowered already.
const BUNDLE: &str =
    "mkdir -p /root/bundle/rootfs && cd /root/bundle && tar -C rootfs -xf /var/tmp/image.tar && runc spec &&
    jq '.process.args = [\"sleep\", \"600\"] | .process.terminal = false | del(.process.rlimits, .linux.resources)' \
    config.json >config && mv config config.json";

/// Runs a container of a bundle of its own: `RUNTIME NAME FILTER [OPTION].. `, with a filter of jq's for what `runc spec` makes.
/// Without a terminal, the container keeps what are its runtime's standard output and error.
const RUN: &str = "runtime=$1 name=$2 filter=$3 bundle=/root/bundles/$1-$2 && shift 3 && mkdir -p $bundle &&
    cp -r /root/bundle/rootfs $bundle && jq --arg of $runtime \"$filter\" /root/bundle/config.json >$bundle/config.json &&
    { $runtime \"$@\" run --detach --bundle=$bundle $name >$bundle/log 2>&1 || { cat $bundle/log >&2; exit 1; }; }";

/// What people run: by a name, with options of the runtime, and other settings of the bundle than `runc spec` makes.
const KINDS: [(&str, &[&str], &str); 4] = [
    ("plain", &[], "."),
    ("by-systemd", &["--systemd-cgroup"], ".linux.cgroupsPath = \"system.slice:\\($of):scope\""),
    ("in-own-cgroup", &[], ".linux.cgroupsPath = \"/labs/of-\\($of)\""),
    ("by-host-pid", &[], "del(.linux.namespaces[] | select(.type == \"pid\"))"),
];

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let by_name = RUNTIMES.iter().flat_map(|runtime| {
        KINDS.map(|(kind, options, filter)| {
            suite.trial(&format!("runtimes::{runtime}::{kind}"), move |machine| {
                let name = format!("{runtime}-{kind}");
                run(machine, runtime, &name, options, filter)?;
                found(machine, runtime, &name)
            })
        })
    });
    let others = [
        suite.trial("runtimes::paused", paused),
        suite.trial("runtimes::named_like_an_id", named_like_an_id),
        suite.trial("runtimes::of_the_same_name", of_the_same_name),
        suite.trial("runtimes::named_as_only_runtimes_permit", named_as_only_runtimes_permit),
        suite.trial("runtimes::that_no_path_can_name", that_no_path_can_name),
        suite.trial("runtimes::below_engines", below_engines),
        suite.trial("runtimes::gvisor_in_docker", gvisor_in_docker),
    ];
    by_name.chain(others).collect()
}

/// Runs a container of a bundle of its own.
pub(crate) fn run(machine: &Machine, runtime: &str, name: &str, options: &[&str], filter: &str) -> Result<(), Failed> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        machine.script(BUNDLE, &[]).unwrap();
    });
    machine.script(RUN, &[&[runtime, name, filter], options].concat())?;
    Ok(())
}

/// The PID of a container, as its runtime says.
fn told(machine: &Machine, runtime: &str, name: &str) -> Result<String, Failed> {
    let state: serde_json::Value = serde_json::from_str(&machine.run(&[runtime, "state", name]).ok()?)?;
    Ok(state["pid"].to_string())
}

/// The path of this name leads to the process that the runtime names, which is where a command of the runtime's is.
fn found(machine: &Machine, runtime: &str, path: &str) -> Result<(), Failed> {
    let name = path.rsplit(':').next().unwrap_or(path);
    let pid = machine.run(&["nicon-resolve", "--pid", path]).ok()?;
    assert_eq!(pid, told(machine, runtime, name)?, "{runtime} {path}");
    let link = machine.run(&["readlink", &format!("/proc/{pid}/ns/mnt")]).ok()?;
    assert_eq!(machine.run(&[runtime, "exec", name, "readlink", "/proc/self/ns/mnt"]).ok()?, link, "{runtime} {path}");
    Ok(())
}

fn listed(machine: &Machine, pattern: &str) -> Result<Vec<String>, Failed> {
    let mut listed = targets(&machine.run(&["nicon-resolve", pattern]).stdout)?;
    listed.sort();
    Ok(listed)
}

fn paused(machine: &Machine) -> Result<(), Failed> {
    for runtime in RUNTIMES {
        let name = format!("{runtime}-paused");
        run(machine, runtime, &name, &[], ".")?;
        machine.run(&[runtime, "pause", &name]).ok()?;
        assert_eq!(machine.run(&["nicon-resolve", "--pid", &name]).ok()?, told(machine, runtime, &name)?, "{name}");
        assert_eq!(listed(machine, &format!("{runtime}-pause?"))?, [&name[..]]);
        machine.run(&[runtime, "resume", &name]).ok()?;
    }
    Ok(())
}

/// As long as an ID, as long as the beginning of one that engines print, and the very beginning of another container's ID.
fn named_like_an_id(machine: &Machine) -> Result<(), Failed> {
    for (runtime, digit) in [("runc", "a"), ("crun", "b")] {
        for name in [digit.repeat(64), digit.repeat(12)] {
            run(machine, runtime, &name, &[], ".")?;
            found(machine, runtime, &name)?;
            assert_eq!(listed(machine, &format!("[{digit}]*"))?.iter().filter(|target| **target == name).count(), 1);
        }
    }
    let id = docker::run(machine, "of-the-same-id", &[])?;
    run(machine, "runc", &id[..12], &[], ".")?;
    found(machine, "runc", &id[..12])?;
    let pid = machine.run(&["docker", "inspect", "--format", "{{.State.Pid}}", "of-the-same-id"]).ok()?;
    for path in ["of-the-same-id", &id[..13]] {
        assert_eq!(machine.run(&["nicon-resolve", "--pid", path]).ok()?, pid, "{path}");
    }
    Ok(())
}

/// A name that people gave is no ID: different containers can have it.
fn of_the_same_name(machine: &Machine) -> Result<(), Failed> {
    for runtime in RUNTIMES {
        run(machine, runtime, "like-another", &[], ".")?;
    }
    for runtime in RUNTIMES {
        found(machine, runtime, &format!("{runtime}:like-another"))?;
    }
    assert_eq!(machine.run(&["nicon-resolve", "like-another"]).code(), Some(2));
    assert_eq!(listed(machine, "like-*")?, ["crun:like-another", "runc:like-another"]);
    Ok(())
}

/// runc accepts more than other engines do.
fn named_as_only_runtimes_permit(machine: &Machine) -> Result<(), Failed> {
    for (pattern, name, path) in
        [("*+*", "with+plus", "with+plus"), ("_un*", "_under", "_under"), ("/.d*", ".dotted", "/.dotted")]
    {
        run(machine, "runc", name, &[], ".")?;
        assert_eq!(listed(machine, pattern)?, [path]);
        found(machine, "runc", &format!("/runc:{name}"))?;
        assert_eq!(machine.run(&["nicon-resolve", "--pid", path]).ok()?, told(machine, "runc", name)?);
    }
    Ok(())
}

/// A pattern does not leave it out in silence: crun accepts anything but a slash.
fn that_no_path_can_name(machine: &Machine) -> Result<(), Failed> {
    run(machine, "crun", "with:colon", &[], ".")?;
    let (ran, pid) = (machine.run(&["nicon-resolve", "*"]), told(machine, "crun", "with:colon")?);
    let by_pid = machine.run(&["nicon-resolve", "--pid", &format!("pid:{pid}")]).ok()?;
    machine.run(&["crun", "delete", "--force", "with:colon"]).ok()?;
    assert_eq!((ran.code(), &by_pid), (Some(2), &pid), "{ran:?}");
    let told = format!("\"with:colon\" runs, but no path can name it (begin the path with its process, pid:{pid})");
    assert!(ran.stderr.contains(&told), "{ran:?}");
    Ok(())
}

/// What a runtime runs for an engine is listed once, by the engine's name for it.
fn below_engines(machine: &Machine) -> Result<(), Failed> {
    podman::prepare(machine);
    docker::run(machine, "below-docker", &[])?;
    for runtime in RUNTIMES {
        let (name, option) = (format!("below-podman-{runtime}"), format!("--runtime={runtime}"));
        let run = ["podman", "run", "--detach", "--network=none", &option, "--name", &name, "image", "sleep", "600"];
        let id = machine.run(&run).ok()?;
        let pid = machine.run(&["podman", "inspect", "--format", "{{.State.Pid}}", &name]).ok()?;
        for path in [&name, &id, &format!("{runtime}:{id}")] {
            assert_eq!(machine.run(&["nicon-resolve", "--pid", path]).ok()?, pid, "{path}");
        }
        assert!(machine.run(&[runtime, "list", "--quiet"]).ok()?.contains(&id), "{runtime} does not run {name}");
        assert!(!listed(machine, "*")?.contains(&id), "{name} is listed twice");
    }
    let names = ["below-docker", "below-podman-crun", "below-podman-runc"];
    assert_eq!(listed(machine, "below-*")?, names);
    Ok(())
}

/// The first process of a container of gVisor's is the sandbox: what runs inside is no process of the machine. It is left in the cgroup
/// of its shim, since gVisor insists on controllers that are not everywhere.
fn gvisor_in_docker(machine: &Machine) -> Result<(), Failed> {
    docker::run(machine, "beside-gvisor", &[])?;
    let known = r#"runtimes='{"runtimes":{"runsc":{"path":"/usr/bin/runsc","runtimeArgs":["--ignore-cgroups","--network=none"]}}}' file=/etc/docker/daemon.json
        [ -s $file ] || echo '{}' >$file; jq ". * $runtimes" $file >$file.new && mv $file.new $file && systemctl reload docker &&
        until docker info --format '{{json .Runtimes}}' | grep -q runsc; do sleep 0.05; done"#;
    machine.script(known, &[])?;
    let id = docker::run(machine, "in-gvisor", &["--runtime=runsc"])?;
    let told = machine.run(&["docker", "inspect", "--format", "{{.State.Pid}}", "in-gvisor"]).ok()?;
    let link = machine.run(&["readlink", &format!("/proc/{told}/ns/mnt")]).ok()?;
    assert_ne!(link, machine.run(&["readlink", "/proc/1/ns/mnt"]).ok()?);
    for path in ["in-gvisor", "docker:in-gvisor", &id] {
        crate::expect::is_in(machine, path, &told, &link)?;
    }
    assert!(machine.run(&["readlink", &format!("/proc/{told}/exe")]).ok()?.contains("runsc"));
    let shim = machine.script("tr '\\0' ' ' </proc/$(ps -o ppid= -p $1 | tr -d ' ')/cmdline", &[&told])?;
    assert!(shim.contains(&id), "{shim}");
    let record: serde_json::Value = serde_json::from_str(&machine.run(&["nicon-resolve", "in-gvisor"]).ok()?)?;
    assert_eq!(record["hops"][0]["verified"], "shim", "{record}");
    // What other tests have there that cannot be looked into is told of, too.
    let of = machine.run(&["nicon-resolve", "--of", &format!("pid:{told}")]);
    assert_eq!(targets(&of.stdout)?, ["in-gvisor"], "{of:?}");
    assert_eq!(listed(machine, "in-gvis*")?, ["in-gvisor"]);
    machine.run(&["docker", "rm", "--force", "in-gvisor"]).ok()?;
    Ok(())
}
