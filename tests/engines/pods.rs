//! Pods: what Kubernetes has containerd run. Their containers share the shim of the pod's sandbox, and have names that are unique
//! only in their pod.

use std::sync::Once;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::expect::is_in;
use crate::suite::Suite;
use nicon_lab::machine::Machine;

/// Pods that people run, each by a name: with options for the pod, and for a container in it.
const KINDS: [(&str, &[&str], &[&str]); 7] = [
    ("plain", &[], &[]),
    ("dns.7f", &["--namespace=kube-system"], &[]),
    ("with-host-pid", &["--pid=node"], &["--pid=node"]),
    ("with-shared-pid", &["--pid=pod"], &["--pid=pod"]),
    ("in-network", &["--network=pod"], &["--network=pod"]),
    ("by-cgroupfs", &["--parent=/kubepods/besteffort/pod-1"], &[]),
    (
        "by-systemd",
        &["--handler=systemd", "--parent=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice"],
        &[],
    ),
];

/// The image of the containers, and one for sandboxes by the name that containerd's configuration has. Networks are of
/// containernetworking-plugins; the route leads nowhere.
const PREPARE: &str = r#"mkdir -p /etc/cni/net.d && echo '{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp",
    "ipam": {"type": "host-local", "subnet": "192.0.2.0/24", "routes": [{"dst": "0.0.0.0/0"}]}}]}' >/etc/cni/net.d/pods.conflist
    docker import /var/tmp/image.tar image &&
    docker import --change 'CMD ["/bin/sleep", "600"]' /var/tmp/image.tar registry.k8s.io/pause:3.8 &&
    docker save --output /var/tmp/pods.tar image registry.k8s.io/pause:3.8 &&
    ctr --namespace k8s.io image import /var/tmp/pods.tar"#;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let by_name = KINDS.map(|(name, pod, container)| {
        suite.trial(&format!("pods::{name}"), move |machine| {
            let pod = Pod::run(machine, name, pod)?;
            let containers = ["one", "two"].map(|number| format!("{name}-{number}"));
            let ids = containers.each_ref().map(|name| pod.add(name, container));
            for (name, id) in containers.iter().zip(ids) {
                let id = id?;
                pod.has(name, &id)?;
                pod.is_around(&id)?;
            }
            pod.is_listed()
        })
    });
    let others = [
        suite.trial("pods::with_a_container_that_was_restarted", with_a_container_that_was_restarted),
        suite.trial("pods::with_a_container_outside_of_its_cgroup", with_a_container_outside_of_its_cgroup),
        suite.trial("pods::with_containers_of_one_name", with_containers_of_one_name),
    ];
    by_name.into_iter().chain(others).collect()
}

/// Imports the images of pods.
pub(crate) fn prepare(machine: &Machine) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        machine.script(PREPARE, &[]).unwrap();
    });
}

/// A pod, and the containers in it.
pub(crate) struct Pod<'a> {
    machine: &'a Machine,
    pub(crate) id: String,
    name: String,
    /// Its path, with Kubernetes' namespace.
    pub(crate) path: String,
    containers: std::cell::RefCell<Vec<String>>,
}

impl<'a> Pod<'a> {
    pub(crate) fn run(machine: &'a Machine, name: &str, options: &[&str]) -> Result<Self, Failed> {
        prepare(machine);
        let id = machine.run(&[&["cri", "pod", name], options].concat()).ok()?;
        let namespace = options.iter().find_map(|option| option.strip_prefix("--namespace=")).unwrap_or("default");
        let (name, path) = (name.to_owned(), format!("pod:{namespace}:{name}"));
        Ok(Self { machine, id, name, path, containers: std::cell::RefCell::default() })
    }

    /// Runs a container; its ID.
    pub(crate) fn add(&self, name: &str, options: &[&str]) -> Result<String, Failed> {
        let id = self.machine.run(&[&["cri", "run", &self.id, name], options].concat()).ok()?;
        self.containers.borrow_mut().push(id.clone());
        Ok(id)
    }

    /// The container called `name` is where the runtime says, however it is asked for.
    fn has(&self, name: &str, id: &str) -> Result<(), Failed> {
        let pid = self.machine.run(&["cri", "pid", id]).ok()?;
        let link = self.machine.run(&["cri", "execute", id, "/bin/readlink", "/proc/self/ns/mnt"]).ok()?;
        let [short, qualified, narrow] =
            [id[..12].to_owned(), format!("/containerd:{name}"), format!("/containerd:k8s.io:{name}")];
        let [in_pod, by_id] = [format!("{}/{name}", self.path), format!("{}/id:{short}", self.path)];
        for path in [&format!("/{name}"), id, &short, &format!("id:{short}"), &qualified, &narrow, &in_pod, &by_id] {
            is_in(self.machine, path, &pid, &link)?;
        }
        Ok(())
    }

    /// What a record says of it.
    pub(crate) fn is_told(&self, record: &Value) {
        let namespace = self.path.split(':').nth(1);
        let expected = json!({ "name": self.name, "namespace": namespace, "uid": format!("uid-{}", self.name) });
        assert_eq!(record["pod"], expected, "{record}");
    }

    /// A pattern lists the sandbox and all containers, each by a path that leads to it.
    pub(crate) fn is_listed(&self) -> Result<(), Failed> {
        let ran = self.machine.run(&["nicon-resolve", "*"]);
        let records = ran.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        let sandbox = (self.id.clone(), self.machine.run(&["cri", "sandbox", &self.id]).ok()?);
        let of_pod = self.machine.run(&["nicon-resolve", "--pid", &format!("/{}", self.path)]).ok()?;
        assert_eq!(of_pod, sandbox.1, "{}", self.path);
        let containers = self.containers.borrow();
        let others = containers.iter().map(|id| Ok((id.clone(), self.machine.run(&["cri", "pid", id]).ok()?)));
        for (id, pid) in [sandbox].into_iter().chain(others.collect::<Result<Vec<_>, Failed>>()?) {
            let is_of_id = |record: &&Value| {
                record["hops"].as_array().and_then(|hops| hops.last()).is_some_and(|hop| hop["id"] == *id)
            };
            let of_id: Vec<_> = records.iter().filter(is_of_id).collect();
            let [record] = of_id[..] else {
                return Err(format!("{id} is listed {} times: {ran:?}", of_id.len()).into());
            };
            assert_eq!(record["pid"].to_string(), pid, "{ran:?}");
            assert_eq!(record["hops"][0]["namespace"], "k8s.io", "{record}");
            self.is_told(record);
            assert_eq!(record["hops"][0]["id"], *self.id, "{record}");
            let path = record["target"].as_str().ok_or("a record without a target")?;
            assert!(path.trim_start_matches('/').starts_with(&self.path), "{record}");
            assert_eq!(self.machine.run(&["nicon-resolve", "--pid", path]).ok()?, pid, "{path}");
        }
        Ok(())
    }

    /// The way back leads from a process of a container to that one, and from one that was started in it later.
    fn is_around(&self, id: &str) -> Result<(), Failed> {
        let pid = &self.machine.run(&["cri", "pid", id]).ok()?;
        let of = |pid: &str| -> Result<Value, Failed> {
            // What other tests run may be unreadable, which is told.
            let ran = self.machine.run(&["nicon-resolve", "--json", &format!("--of=pid:{pid}")]);
            let record: Value = serde_json::from_str(&ran.stdout).map_err(|error| format!("{error}: {ran:?}"))?;
            Ok(record["hops"].as_array().and_then(|hops| hops.last()).cloned().unwrap_or_default())
        };
        assert_eq!(of(pid)?["id"], *id, "process {pid}");
        let cgroup = self.machine.script("sed -n s/^0:://p /proc/$1/cgroup", &[pid])?;
        // As what is executed in a container is put there.
        let start = r#"sleep 600 >/dev/null 2>&1 & echo $! >"/sys/fs/cgroup$1/cgroup.procs" && echo $!"#;
        let later = self.machine.script(start, &[&cgroup])?;
        let found = of(&later);
        self.machine.script("kill $1", &[&later])?;
        assert_eq!(found?["id"], *id, "process {later}, in {cgroup}");
        Ok(())
    }
}

/// The one that has ended is still known to the runtime.
fn with_a_container_that_was_restarted(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "restarted", &[])?;
    let before = pod.add("again", &[])?;
    machine.run(&["cri", "stop", &before]).ok()?;
    pod.containers.borrow_mut().clear();
    let after = pod.add("again", &["--attempt=1"])?;
    pod.has("again", &after)?;
    pod.is_around(&after)?;
    let refused = machine.run(&["nicon-resolve", &before]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
    pod.is_listed()
}

/// What is left as a proof is the shim, whose arguments have the ID of the sandbox.
fn with_a_container_outside_of_its_cgroup(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "roaming", &[])?;
    let id = pod.add("roamer", &[])?;
    let pid = machine.run(&["cri", "pid", &id]).ok()?;
    machine.script("echo $1 >/sys/fs/cgroup/init.scope/cgroup.procs", &[&pid])?;
    pod.has("roamer", &id)?;
    let record: Value = serde_json::from_str(&machine.run(&["nicon-resolve", "roamer"]).ok()?)?;
    assert_eq!(record["hops"][0]["verified"], "shim", "{record}");
    pod.is_listed()
}

fn with_containers_of_one_name(machine: &Machine) -> Result<(), Failed> {
    let mut ids = Vec::new();
    let pods = [Pod::run(machine, "front", &[])?, Pod::run(machine, "back", &["--namespace=other"])?];
    for pod in &pods {
        ids.push(pod.add("same", &[])?);
    }
    let refused = machine.run(&["nicon-resolve", "same"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    for (id, pod) in ids.iter().zip(["default/front", "other/back"]) {
        assert!(refused.stderr.contains(&format!("{} in pod {pod}", &id[..12])), "{refused:?}");
    }
    let ways = ["pod:default:front/same", "pod:other:back/same"];
    assert!(refused.stderr.contains(&format!("(say {} or {})", ways[0], ways[1])), "{refused:?}");
    for (way, id) in ways.iter().zip(&ids) {
        let pid = machine.run(&["cri", "pid", id]).ok()?;
        assert_eq!(machine.run(&["nicon-resolve", "--pid", way]).ok()?, pid, "{way}");
    }
    let all = machine.run(&["nicon-resolve", "--pid", "pod:*/same"]).ok()?;
    assert_eq!(all.lines().count(), 2, "{all}");
    pods.iter().try_for_each(Pod::is_listed)
}
