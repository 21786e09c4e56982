//! nicon-resolve with other engines than Docker, and with several side by side.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, witness};
use serde_json::Value;

use crate::support::expect::{is_process, parse, record, refusal};
use crate::support::kernel::Feature;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("resolve::engines::podman_beside_docker", podman_beside_docker),
        suite.trial_with(&[Feature::PodsOfPodman], "resolve::engines::a_pod_of_podman", a_pod_of_podman),
        suite.trial("resolve::engines::podman_in_docker_by_socket_activation", podman_in_docker),
        suite.trial("resolve::engines::containerd_by_its_files", containerd_by_its_files),
        suite.trial("resolve::engines::runc_by_its_files", runc_by_its_files),
        suite.trial("resolve::engines::a_daemon_that_hangs_is_known_by_its_files", a_daemon_that_hangs),
        suite.trial("resolve::engines::a_path_from_a_process", a_path_from_a_process),
    ]
}

/// Moves a process out of its cgroup, of version 2 or of each hierarchy of version 1.
const LEAVE_CGROUP: &str = r#"cd /sys/fs/cgroup
    for procs in $([ -e cgroup.procs ] && echo cgroup.procs || ls */cgroup.procs); do echo "$1" >$procs; done; :"#;

/// Resolves a path in both ways of translating, and compares with the process that is the right one; returns the last hop.
#[track_caller]
fn leads_to(suite: &Suite, path: &str, pid: u32) -> Value {
    // Podman takes its time on a busy machine.
    let resolve = |how: &str| record(&suite.run(&["nicon-resolve", "--timeout=25", how, path]));
    is_process(&resolve("--translate=scan"), pid);
    let found = resolve("--translate=auto");
    is_process(&found, pid);
    let hop = found["hops"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(hop["pid"], pid, "{found}");
    hop
}

/// The process of a container of podman's: the one that is alone in its mount namespace, as podman's own exec sees it.
pub(crate) fn podman_pid(lab: &Lab, at: &str, name: &str) -> Result<u32, Failed> {
    let link = lab.podman(at, &["exec", name, "readlink", "/proc/self/ns/mnt"])?.ok()?;
    Ok(witness::first_process_of(&link).ok_or("it has no process")?)
}

fn podman_beside_docker(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.start_podman("", "")?;
    let id = lab.run_podman("", "pod-web", &[], &["sleep", "infinity"])?;
    let pid = podman_pid(lab, "", "pod-web")?;
    let hop = leads_to(suite, "pod-web", pid);
    let told = lab.podman("", &["inspect", "--format={{.Id}} {{.State.Pid}}", "pod-web"])?.ok()?;
    assert_eq!(format!("{} {}", hop["id"].as_str().unwrap(), hop["inner_pid"]), told);
    assert_eq!((&hop["engine"], &hop["via"], &hop["verified"]), (&"podman".into(), &"api".into(), &"cgroup".into()));
    // runc knows it by its ID as well, and it is one container.
    assert_eq!(leads_to(suite, &id[..12], pid)["engine"], "podman");
    // Its file was written in another PID namespace than ours, which nothing tells: that is not believed.
    refusal(&suite.run(&["nicon-resolve", &format!("runc:{id}")]), 2, &["hop 1 (runc:"]);
    refusal(&suite.run(&["nicon-resolve", "docker:pod-web"]), 1, &["hop 1", "no container \"pod-web\""]);
    refusal(&suite.run(&["nicon-resolve", "--engine=docker", "pod-web"]), 1, &["hop 1", "no container \"pod-web\""]);
    refusal(&suite.run(&["nicon-resolve", "pod-wep"]), 1, &["did you mean pod-web"]);

    // Not in its own cgroup any more: its parent, conmon, still speaks for it.
    lab.script("", LEAVE_CGROUP, &[&told[65..]])?;
    assert_eq!(leads_to(suite, "pod-web", pid)["verified"], "shim");

    // The name is Docker's as well.
    lab.run_container("", "pod-web", &[])?;
    let both = ["docker", "podman", "docker:pod-web", "podman:pod-web"];
    refusal(&suite.run(&["nicon-resolve", "pod-web"]), 2, &both);
    leads_to(suite, "podman:pod-web", pid);
    leads_to(suite, "docker:pod-web", lab.host_pid("pod-web")?);
    lab.remove("", "pod-web")?;

    lab.podman("", &["stop", "pod-web"])?.ok()?;
    refusal(&suite.run(&["nicon-resolve", "pod-web"]), 1, &["is not running (exited)"]);
    lab.stop_podman("")?;
    Ok(())
}

fn a_pod_of_podman(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "peas", &[])?;
    lab.start_podman("peas", "")?;
    let cgroup = format!("--cgroup-parent=/{}", lab.name());
    let pod = ["pod", "create", "--name=pod", "--infra-image=nicon-lab", "--infra-command=sleep infinity"];
    lab.podman("peas", &[&pod[..], &["--volume=/usr:/usr:ro", "--share=net,ipc,uts,pid", &cgroup]].concat())?.ok()?;
    lab.run_podman("peas", "in-pod", &["--pod=pod"], &["sleep", "infinity"])?;
    leads_to(suite, "peas.in-pod", podman_pid(lab, "peas", "in-pod")?);
    Ok(lab.remove("", "peas")?)
}

/// Podman's service is started by the first who asks, as systemd does it: the socket's listener is another program.
fn podman_in_docker(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("setup", "hull", &[])?;
    lab.start_podman("setup.hull", "systemd-socket-activate --listen=/run/podman/podman.sock")?;
    let id = lab.run_podman("setup.hull", "inner", &[], &["sleep", "infinity"])?;
    let pid = podman_pid(lab, "setup.hull", "inner")?;
    let hop = leads_to(suite, "setup.hull.inner", pid);
    assert_eq!((&hop["engine"], &hop["sharing"], &hop["id"]), (&"podman".into(), &"dind".into(), &(*id).into()));
    assert_eq!(leads_to(suite, "setup.hull.podman:inner", pid), hop);
    let by_runc = leads_to(suite, &format!("setup.hull.runc:{}", &id[..12]), pid);
    assert_eq!((&by_runc["engine"], &by_runc["id"]), (&"runc".into(), &hop["id"]));

    // Docker in podman in Docker.
    lab.run_docker_in_podman("setup.hull", "deep")?;
    let witness = ["exec", "deep", "docker", "exec", "leaf", "readlink", "/proc/self/ns/mnt"];
    let link = lab.podman("setup.hull", &witness)?.ok()?;
    let hop = leads_to(suite, "setup.hull.deep.leaf", witness::first_process_of(&link).ok_or("it has no process")?);
    assert_eq!(hop["engine"], "docker");
    Ok(lab.remove("setup", "hull")?)
}

fn containerd_by_its_files(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("setup", "pier", &[])?;
    lab.start_containerd("setup.pier")?;
    let a = "a1".repeat(32);
    lab.run_ctr("setup.pier", "default", "plain", &[])?;
    lab.run_ctr("setup.pier", "default", "named", &["--annotation=nerdctl/name=from-nerdctl"])?;
    lab.run_ctr("setup.pier", "k8s.io", &a, &[])?;
    let pid = |namespace: &str, id: &str| -> Result<u32, Failed> {
        let list = lab.script("setup.pier", "ctr --namespace \"$1\" task ls", &[namespace])?;
        let row = list.lines().find(|row| row.starts_with(id)).ok_or("no such task")?;
        Ok(lab.pid_from("setup.pier", row.split_whitespace().nth(1).ok_or("no PID")?)?)
    };
    for (name, namespace, id) in [
        ("plain", "default", "plain"),
        ("from-nerdctl", "default", "named"),
        ("named", "default", "named"),
        ("id:a1", "k8s.io", &a),
        (&a[..12], "k8s.io", &a),
        (&format!("containerd:{a}"), "k8s.io", &a),
    ] {
        let hop = leads_to(suite, &format!("setup.pier.{name}"), pid(namespace, id)?);
        assert_eq!((&hop["engine"], &hop["via"], &hop["id"]), (&"containerd".into(), &"disk".into(), &(*id).into()));
    }
    refusal(&suite.run(&["nicon-resolve", "setup.pier.plane"]), 1, &["no container \"plane\" (did you mean plain"]);

    // What Docker's own containerd runs is Docker's, unless it is asked for.
    let id = lab.run_container("setup.pier", "leaf", &[])?;
    let leaf = lab.host_pid("setup.pier.leaf")?;
    assert_eq!(leads_to(suite, &format!("setup.pier.{id}"), leaf)["engine"], "docker");
    assert_eq!(leads_to(suite, &format!("setup.pier.containerd:{id}"), leaf)["engine"], "containerd");

    // The files outlive the process.
    lab.script("setup.pier", "ctr task kill --signal KILL plain", &[])?;
    lab.script("setup.pier", "until ctr task ls | grep -q 'plain.*STOPPED'; do sleep 0.02; done", &[])?;
    refusal(
        &suite.run(&["nicon-resolve", "setup.pier.plain"]),
        2,
        &["hop 3 (plain in setup.pier)", "no process has PID"],
    );
    Ok(lab.remove("setup", "pier")?)
}

fn runc_by_its_files(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("setup", "mixed", &[])?;
    // The cgroup may have any name; runc's state tells it.
    for (id, cgroup) in [("bare", "bare"), ("bare2", "some-other-name")] {
        lab.run_runc("setup.mixed", id, cgroup)?;
        let list = lab.script("setup.mixed", "runc list --format=json", &[])?;
        let list: Value = serde_json::from_str(&list)?;
        let row = list.as_array().unwrap().iter().find(|row| row["id"] == id).ok_or("not in the list")?;
        let pid = lab.pid_from("setup.mixed", &row["pid"].to_string())?;
        let hop = leads_to(suite, &format!("setup.mixed.{id}"), pid);
        assert_eq!((&hop["engine"], &hop["via"], &hop["inner_pid"]), (&"runc".into(), &"disk".into(), &row["pid"]));
        assert_eq!(hop["file"], format!("/run/runc/{id}/state.json"));
    }
    // Two know the name.
    lab.run_container("setup.mixed", "bare", &[])?;
    refusal(&suite.run(&["nicon-resolve", "setup.mixed.bare"]), 2, &["docker and runc", "docker:bare or runc:bare"]);
    leads_to(suite, "setup.mixed.docker:bare", lab.host_pid("setup.mixed.bare")?);
    // The state outlives the process, whose PID may be another's.
    lab.script("setup.mixed", "runc kill bare2 KILL", &[])?;
    lab.script("setup.mixed", "until runc list | grep -q 'bare2.*stopped'; do sleep 0.02; done", &[])?;
    refusal(&suite.run(&["nicon-resolve", "setup.mixed.bare2"]), 2, &["hop 3 (bare2 in setup.mixed)"]);
    Ok(lab.remove("setup", "mixed")?)
}

/// A container is found, and all of them are listed, by the files of a daemon that does not answer; what is told of all is
/// that it does not.
fn a_daemon_that_hangs(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "stuck", &[])?;
    lab.run_daemon_container("stuck", "inner", &[])?;
    lab.run_container("stuck.inner", "leaf", &[])?;
    let pids = [lab.host_pid("stuck.inner")?, lab.host_pid("stuck.inner.leaf")?];
    let own = format!("unix:///proc/{}/root/run/docker.sock", lab.host_pid("stuck")?);
    // In the first case the daemon in the container is our own.
    for (docker_host, outer, name, pid) in
        [(&*own, "", "inner", pids[0]), ("", "stuck.", "inner", pids[0]), ("", "stuck.inner.", "leaf", pids[1])]
    {
        let ask = |target: &str| {
            let mut command = suite.command("nicon-resolve")?;
            output_within(command.env("DOCKER_HOST", docker_host).args(["--timeout=6", target]), LIMIT)
        };
        let (path, all) = (format!("{outer}{name}"), format!("{outer}*"));
        let last_hop = |record: &Value| record["hops"].as_array().unwrap().last().unwrap().clone();
        let answered = last_hop(&record(&ask(&path)?));
        let daemon = u32::try_from(answered["daemon"].as_u64().unwrap())?;
        lab.stop(daemon)?;
        let (found, listed) = (ask(&path), ask(&all));
        lab.signal(daemon, "CONT")?;
        let (found, listed) = (found?, listed?);
        assert_eq!(listed.code(), Some(2), "{listed:?}");
        assert!(
            listed.stderr.contains("the engine does not answer (waited 3 s): its files were read instead"),
            "{listed:?}"
        );
        assert_eq!(listed.stderr.lines().count(), 1, "{listed:?}");
        let listed = parse(&listed.stdout);
        assert_eq!(listed.len(), 1, "{listed:?}");
        for record in [record(&found), listed[0].clone()] {
            is_process(&record, pid);
            let by_files = last_hop(&record);
            assert_eq!((&by_files["via"], &by_files["id"]), (&"disk".into(), &answered["id"]), "{path}");
        }
    }
    Ok(lab.remove("", "stuck")?)
}

fn a_path_from_a_process(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid("setup")?;
    let setup = format!("pid:{pid}");
    let hop = leads_to(suite, &format!("{setup}.olt_1.lt_1"), lab.host_pid("setup.olt_1.lt_1")?);
    assert_eq!(hop["sharing"], "dind");
    let found = record(&suite.run(&["nicon-resolve", &format!("{setup}.olt_1")]));
    let starttime = witness::stat(pid).ok_or("it has ended")?.start_time;
    assert_eq!(found["hops"][0], serde_json::json!({"name": setup, "pid": pid, "starttime": starttime}));
    is_process(&record(&suite.run(&["nicon-resolve", &setup])), pid);
    refusal(&suite.run(&["nicon-resolve", "pid:4194303.web"]), 1, &["no process has PID 4194303"]);
    refusal(&suite.run(&["nicon-resolve", "setup.pid:1"]), 2, &["only its beginning can be a process"]);
    Ok(())
}
