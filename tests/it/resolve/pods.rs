//! Pods in a node that is a container, as kind makes them.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input};
use serde_json::Value;

use crate::support::expect::{is_process, record, records, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("resolve::pods::in_a_node", in_a_node)]
}

/// The program of all containers: it needs no /usr, which pods do not see.
const SLEEP: &str = "#include <unistd.h>\nint main(void) { for (;;) pause(); }";

/// The settings of a node's containerd.
const SETTINGS: &str = r#"version = 2
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "docker.io/library/image:latest"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    options = { BinaryName = "/run/runc-unlimited" }
"#;

/// Starts it. Where the lab's cgroups are of version 1, a node has no mount of version 2, and its engine leaves that alone.
const CONTAINERD: &str = r#"if [ -d /sys/fs/cgroup/unified ]; then umount /sys/fs/cgroup/unified; fi
    printf %s "$1" >/run/cri && printf %s "$2" >/run/runc-unlimited && chmod 755 /run/cri /run/runc-unlimited &&
    printf %s "$3" >/run/runtime.py && printf %s "$4" >/run/containerd.toml && mkdir -p /run/image/bin || exit
    setsid containerd --config /run/containerd.toml --root /run/nicon-containerd >/run/nicon-containerd.log 2>&1 </dev/null &
    until ctr version >/dev/null 2>&1; do sleep 0.05; done"#;

const IMAGE: &str = "tar -C /run/image -c . | docker import --change 'CMD [\"/bin/sleep\"]' - image >/dev/null &&
    docker save --output /run/image.tar image && ctr --namespace k8s.io image import /run/image.tar";

/// A node of pods, in a container.
struct Node<'a> {
    lab: &'a Lab,
    at: &'static str,
    id: String,
}

impl<'a> Node<'a> {
    fn start(lab: &'a Lab) -> Result<Self, Failed> {
        let (at, id) = ("setup.node", lab.run_daemon_container("setup", "node", &[])?);
        let [cri, runtime] = [include_str!("../../machine/cri"), include_str!("../../machine/runtime.py")];
        let scripts = [cri, include_str!("../../machine/runc-unlimited"), runtime, SETTINGS];
        lab.script(at, CONTAINERD, &scripts)?;
        let mut compile = lab.beside(at, &["gcc", "-static", "-x", "c", "-o", "/run/image/bin/sleep", "-"]);
        output_of_input(&mut compile, SLEEP, LIMIT)?.ok()?;
        lab.script(at, IMAGE, &[])?;
        Ok(Self { lab, at, id })
    }

    fn cri(&self, words: &[&str]) -> Result<String, Failed> {
        Ok(self.lab.exec(self.at, &[&["/run/cri"], words].concat())?.ok()?)
    }

    /// Runs a pod with containers; their IDs.
    fn run(&self, pod: &str, containers: &[&str], option: &str) -> Result<Vec<String>, Failed> {
        let parent = format!("--parent=/{}/{}/kubelet/pod-{pod}", self.lab.name(), self.id);
        let sandbox = self.cri(&["pod", pod, &parent, option])?;
        containers.iter().map(|name| self.cri(&["run", &sandbox, name, option])).collect()
    }

    /// What the runtime says of all that it runs: ID, and PID here.
    fn tasks(&self) -> Result<Vec<(String, u32)>, Failed> {
        let list = self.lab.script(self.at, "ctr --namespace k8s.io task ls | tail -n +2", &[])?;
        let task = |row: &str| {
            let words: Vec<&str> = row.split_whitespace().collect();
            Ok((words[0].to_owned(), self.lab.pid_from(self.at, words[1])?))
        };
        list.lines().map(task).collect()
    }
}

/// The hop of the container that a record is about.
fn last(record: &Value) -> &Value {
    record["hops"].as_array().and_then(|hops| hops.last()).unwrap_or(&Value::Null)
}

fn in_a_node(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let node = Node::start(lab)?;
    let front = node.run("front", &["web", "helper"], "--pid=container")?;
    let back = node.run("back", &["web", "db"], "--pid=pod")?;
    node.run("agent", &["agent"], "--pid=node")?;

    // Where the lab's cgroups are of version 1, that of version 2 is the node's own.
    let cgroups = std::fs::read_to_string(format!("/proc/{}/cgroup", node.tasks()?[0].1))?;
    if cgroups.lines().count() > 1 {
        assert!(cgroups.lines().any(|line| line == format!("0::/{}/{}", lab.name(), node.id)), "{cgroups}");
    }

    // A pattern lists all, the sandboxes too, each by a path that leads to it.
    let tasks = node.tasks()?;
    assert_eq!(tasks.len(), 8, "{tasks:?}");
    let found = records(&suite.run(&["nicon-resolve", "setup.node.**"]));
    assert_eq!(found.len(), tasks.len(), "{found:?}");
    for (id, pid) in &tasks {
        let of_id = found.iter().find(|record| last(record)["id"] == **id);
        let of_id = of_id.ok_or_else(|| format!("{id} is missing: {found:?}"))?;
        let hop = last(of_id);
        assert_eq!([&hop["engine"], &hop["namespace"], &hop["via"]], ["containerd", "k8s.io", "disk"], "{of_id}");
        is_process(of_id, *pid);
        let path = of_id["target"].as_str().ok_or("a record without a target")?;
        is_process(&record(&suite.run(&["nicon-resolve", path])), *pid);
    }
    let mut targets: Vec<_> = found.iter().filter_map(|record| record["target"].as_str()).collect();
    targets.sort_unstable();
    let expected = ["agent", "agent/agent", "back", "back/db", "back/web", "front", "front/helper", "front/web"];
    assert_eq!(targets, expected.map(|path| format!("setup/node/pod:default:{path}")));

    let pid = |id: &str| tasks.iter().find(|(known, _)| known == id).map(|(_, pid)| *pid).unwrap();
    for (name, id) in [("helper", &front[1]), ("db", &back[1]), ("containerd:db", &back[1]), (&back[0][..12], &back[0])]
    {
        is_process(&record(&suite.run(&["nicon-resolve", &format!("setup.node.{name}")])), pid(id));
    }
    let [front, back] =
        [(&front, "front"), (&back, "back")].map(|(ids, pod)| format!("{} in pod default/{pod}", &ids[0][..12]));
    let words = ["\"web\" is ambiguous", &front, &back, "(say pod:default:back/web or pod:default:front/web)"];
    refusal(&suite.run(&["nicon-resolve", "setup.node.web"]), 2, &words);
    // A tree has names, and each container in its pod.
    let all = suite.shell("nicon-resolve 'setup.node.**' | nicon-tree --ascii", "");
    let name = |line: &'_ str| line.trim_start_matches(['|', '`', '-', ' ']).split(' ').next().map(str::to_owned);
    let drawn: Vec<String> = all.stdout.lines().filter_map(name).collect();
    for name in ["pod:default:back", "db", "pod:default:front", "helper"] {
        assert!(drawn.iter().any(|drawn| drawn == name), "{name}: {all:?}");
    }
    assert!(tasks.iter().all(|(id, _)| !all.stdout.contains(&id[..12])), "{all:?}");
    Ok(lab.remove("setup", "node")?)
}
