//! containerd without an engine on top: its namespaces, in each of which every name is free, and those of runc's roots.

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::expect::{is_in, targets};
use crate::pods::prepare;
use crate::suite::{Suite, since_trixie};
use nicon_lab::machine::Machine;

/// Starts a container of runc's own in a root directory: its name is its ID.
const RUNC: &str = r#"bundle=$(mktemp -d) && cd $bundle && mkdir rootfs && tar -xf /var/tmp/image.tar -C rootfs && runc spec &&
    jq '.process.args = ["/bin/sleep", "600"] | .process.terminal = false | .linux.resources = {}' config.json >changed.json &&
    mv changed.json config.json && runc --root "$1" run --detach "$2" >/dev/null 2>&1 </dev/null"#;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("containerd::one_name_in_two_namespaces", one_name_in_two_namespaces),
        suite.trial("containerd::one_id_in_two_namespaces", one_id_in_two_namespaces),
        suite.trial("containerd::one_name_in_two_roots_of_runc", one_name_in_two_roots_of_runc),
        suite.trial("containerd::containers_that_have_ended", containers_that_have_ended),
        since_trixie(
            suite.trial("containerd::a_name_by_annotation", a_name_by_annotation),
            "annotations in Docker's command line",
        ),
    ]
}

/// Runs a container of containerd's in a namespace of containerd's.
fn run(machine: &Machine, namespace: &str, id: &str, command: &[&str]) -> Result<(), Failed> {
    prepare(machine);
    machine.run(&["ctr", "--namespace", namespace, "image", "import", "/var/tmp/pods.tar"]).ok()?;
    let run = ["ctr", "--namespace", namespace, "run", "--detach", "--runc-binary=/usr/local/bin/runc-unlimited"];
    machine.run(&[&run[..], &["docker.io/library/image:latest", id], command].concat()).ok()?;
    Ok(())
}

/// A path leads to where containerd says that the container is.
fn leads_to(machine: &Machine, path: &str, namespace: &str, id: &str) -> Result<String, Failed> {
    let ctr = ["ctr", "--namespace", namespace, "task"];
    let list = machine.run(&[&ctr[..], &["ls"]].concat()).ok()?;
    let row = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|row| row[0] == id);
    let pid = row.ok_or("containerd lists no such task")?[1].to_owned();
    let link = ["exec", "--exec-id=witness", id, "/bin/readlink", "/proc/self/ns/mnt"];
    is_in(machine, path, &pid, &machine.run(&[&ctr[..], &link].concat()).ok()?)?;
    Ok(pid)
}

fn refusal(machine: &Machine, path: &str, status: i32, words: &[&str]) {
    let refused = machine.run(&["nicon-resolve", path]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(status), ""), "{refused:?}");
    for word in words {
        assert!(refused.stderr.contains(word), "{word}: {refused:?}");
    }
}

fn one_name_in_two_namespaces(machine: &Machine) -> Result<(), Failed> {
    let namespaces = [("default", "containerd:default:job"), ("team.b", "/containerd:team.b:job")];
    for (namespace, _) in namespaces {
        run(machine, namespace, "job", &["/bin/sleep", "600"])?;
    }
    let mut pids = Vec::new();
    for (namespace, path) in namespaces {
        pids.push(leads_to(machine, path, namespace, "job")?);
    }
    let words = ["job in namespace default", "(say containerd:default:job or /containerd:team.b:job)"];
    refusal(machine, "job", 2, &words);
    refusal(machine, "containerd:job", 2, &words);
    refusal(machine, "containerd:teamc:job", 1, &["no container \"job\""]);
    let record = machine.run(&["nicon-resolve", "containerd:default:job"]).ok()?;
    let hop: Value = serde_json::from_str(&record)?;
    assert_eq!(hop["hops"][0]["namespace"], "default", "{hop}");

    // A pattern lists both, each by the path that leads to it, or those of one namespace only.
    let ran = machine.run(&["nicon-resolve", "j?b"]);
    assert_eq!(ran.code(), Some(0), "{ran:?}");
    assert_eq!(targets(&ran.stdout)?, namespaces.map(|(_, path)| path), "{ran:?}");
    let told = |line: &str| serde_json::from_str::<Value>(line).map(|record| record["pid"].to_string());
    assert_eq!(ran.stdout.lines().map(told).collect::<Result<Vec<_>, _>>()?, pids, "{ran:?}");
    let ran = machine.run(&["nicon-resolve", "/containerd:team.b:*"]);
    assert_eq!(targets(&ran.stdout)?, ["/containerd:team.b:job"], "{ran:?}");
    Ok(())
}

/// What has hexadecimal digits only is an ID as well.
fn one_id_in_two_namespaces(machine: &Machine) -> Result<(), Failed> {
    for namespace in ["default", "teama"] {
        run(machine, namespace, "cafe", &["/bin/sleep", "600"])?;
    }
    let ways = "say containerd:default:id:cafe or containerd:teama:id:cafe";
    refusal(machine, "id:cafe", 2, &["ID \"cafe\" is ambiguous", ways]);
    refusal(machine, "containerd:id:cafe", 2, &["ID \"cafe\" is ambiguous", ways]);
    refusal(machine, "cafe", 2, &["say containerd:default:cafe or containerd:teama:cafe"]);
    for (path, namespace) in [
        ("containerd:teama:cafe", "teama"),
        ("containerd:teama:id:cafe", "teama"),
        ("containerd:default:id:ca", "default"),
    ] {
        leads_to(machine, path, namespace, "cafe")?;
    }
    // A namespace may be called like a prefix.
    run(machine, "id", "cafe", &["/bin/sleep", "600"])?;
    leads_to(machine, "containerd:id:id:cafe", "id", "cafe")?;
    let ran = machine.run(&["nicon-resolve", "containerd:caf[e]"]);
    let listed = ["containerd:default:cafe", "containerd:id:id:cafe", "containerd:teama:cafe"];
    assert_eq!(targets(&ran.stdout)?, listed, "{ran:?}");
    for namespace in ["default", "teama", "id"] {
        let ctr = ["ctr", "--namespace", namespace, "task"];
        machine.run(&[&ctr[..], &["delete", "--force", "cafe"]].concat()).ok()?;
    }
    Ok(())
}

/// Nothing but its process tells one from another: it is said, and none is passed over in silence. A container of containerd's
/// that has the same ID is another one.
fn one_name_in_two_roots_of_runc(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    machine.script(RUNC, &["/run/runc", "twin"])?;
    run(machine, "default", "twin", &["/bin/sleep", "600"])?;
    let pid = machine.script("runc state twin | jq .pid", &[])?;
    is_in(machine, "runc:twin", &pid, &machine.run(&["runc", "exec", "twin", "readlink", "/proc/self/ns/mnt"]).ok()?)?;
    leads_to(machine, "containerd:twin", "default", "twin")?;
    refusal(machine, "twin", 2, &["(say containerd:twin or runc:twin)"]);
    let ran = machine.run(&["nicon-resolve", "twi*"]);
    assert_eq!(targets(&ran.stdout)?, ["containerd:twin", "runc:twin"], "{ran:?}");

    machine.script(RUNC, &["/run/user/0/runc", "twin"])?;
    let words = ["twin in /run/runc, twin in /run/user/0/runc", "(begin the path with its process, as in pid:4242)"];
    refusal(machine, "runc:twin", 2, &words);
    let ran = machine.run(&["nicon-resolve", "twi*"]);
    assert_eq!((ran.code(), targets(&ran.stdout)?), (Some(2), vec!["containerd:twin".to_owned()]), "{ran:?}");
    assert_eq!(ran.stderr.matches("runc runs several containers \"twin\"").count(), 2, "{ran:?}");
    // Who asks for others is not told of them.
    let ran = machine.run(&["nicon-resolve", "nobody*"]);
    assert!(!ran.stderr.contains("twin"), "{ran:?}");
    machine.script("for root in /run/runc /run/user/0/runc; do runc --root $root delete --force twin; done", &[])?;
    Ok(())
}

/// containerd keeps their files until somebody deletes them.
fn containers_that_have_ended(machine: &Machine) -> Result<(), Failed> {
    run(machine, "default", "brief", &["/bin/true"])?;
    let ended = "until ctr task ls | grep -q '^brief .*STOPPED'; do sleep 0.05; done;
        cat /run/containerd/io.containerd.runtime.v2.task/default/brief/init.pid";
    assert!(!machine.script(ended, &[])?.is_empty(), "it has a PID on file");
    let ran = machine.run(&["nicon-resolve", "*"]);
    assert!(!ran.stdout.contains("\"brief\"") && !ran.stderr.contains("brief"), "{ran:?}");
    let refused = machine.run(&["nicon-resolve", "brief"]);
    assert!(refused.stdout.is_empty() && refused.stderr.contains("brief"), "{refused:?}");
    Ok(())
}

/// A container of Docker's is not called what its annotations say, as nerdctl's and Kubernetes' are.
fn a_name_by_annotation(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let annotations =
        ["--annotation=nerdctl/name=annotated", "--annotation=io.kubernetes.cri.container-name=annotated"];
    let run = ["docker", "run", "--detach", "--network=none", "--name=annotates"];
    let id = machine.run(&[&run[..], &annotations, &["image", "sleep", "600"]].concat()).ok()?;
    let witness =
        machine.run(&["cat", &format!("/run/containerd/io.containerd.runtime.v2.task/moby/{id}/config.json")]);
    let witness = witness.ok().or_else(|_| {
        machine
            .run(&[
                "cat",
                &format!("/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/{id}/config.json"),
            ])
            .ok()
    })?;
    let misled = ["annotated", "containerd:annotated", "containerd:moby:annotated"]
        .map(|path| machine.run(&["nicon-resolve", path]));
    machine.run(&["docker", "rm", "--force", "annotates"]).ok()?;
    assert!(witness.contains("annotated"), "{witness}");
    for misled in misled {
        assert_eq!((misled.code(), &misled.stdout[..]), (Some(1), ""), "{misled:?}");
    }
    Ok(())
}
