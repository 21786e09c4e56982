//! Pods: what Kubernetes has containerd run. Their containers share the shim of the pod's sandbox, and have names that are unique
//! only in their pod.

use std::sync::Once;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::expect::is_in;
use crate::suite::Suite;
use crate::watching::Watching;
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
                pod.has(name, &id?)?;
            }
            pod.is_listed()
        })
    });
    let others = [
        suite.trial("pods::with_a_container_that_was_restarted", with_a_container_that_was_restarted),
        suite.trial("pods::with_a_container_outside_of_its_cgroup", with_a_container_outside_of_its_cgroup),
        suite.trial("pods::with_containers_of_one_name", with_containers_of_one_name),
        suite.trial("pods::of_one_name_in_two_namespaces", of_one_name_in_two_namespaces),
        suite.trial("pods::without_a_sandbox", without_a_sandbox),
        suite.trial("pods::that_files_alone_tell_of", that_files_alone_tell_of),
        suite.trial("pods::are_watched_by_their_paths", are_watched_by_their_paths),
        suite.trial("pods::are_watched_by_a_pattern_for_all", are_watched_by_a_pattern_for_all),
        suite.trial("pods::with_labels", with_labels),
        suite.trial("pods::that_are_not_there", that_are_not_there),
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
struct Pod<'a> {
    machine: &'a Machine,
    id: String,
    name: String,
    /// Its path, with Kubernetes' namespace.
    path: String,
    containers: std::cell::RefCell<Vec<String>>,
}

impl<'a> Pod<'a> {
    fn run(machine: &'a Machine, name: &str, options: &[&str]) -> Result<Self, Failed> {
        prepare(machine);
        let id = machine.run(&[&["cri", "pod", name], options].concat()).ok()?;
        let namespace = options.iter().find_map(|option| option.strip_prefix("--namespace=")).unwrap_or("default");
        let (name, path) = (name.to_owned(), format!("pod:{namespace}:{name}"));
        Ok(Self { machine, id, name, path, containers: std::cell::RefCell::default() })
    }

    /// Runs a container; its ID.
    fn add(&self, name: &str, options: &[&str]) -> Result<String, Failed> {
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
    fn is_told(&self, record: &Value) {
        let namespace = self.path.split(':').nth(1);
        let expected = json!({ "name": self.name, "namespace": namespace, "uid": format!("uid-{}", self.name) });
        assert_eq!(record["pod"], expected, "{record}");
    }

    /// A pattern lists the sandbox and all containers, each by a path that leads to it.
    fn is_listed(&self) -> Result<(), Failed> {
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
}

/// The one that has ended is still known to the runtime.
fn with_a_container_that_was_restarted(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "restarted", &[])?;
    let before = pod.add("again", &[])?;
    machine.run(&["cri", "stop", &before]).ok()?;
    pod.containers.borrow_mut().clear();
    let after = pod.add("again", &["--attempt=1"])?;
    pod.has("again", &after)?;
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

fn of_one_name_in_two_namespaces(machine: &Machine) -> Result<(), Failed> {
    let pods = [Pod::run(machine, "twin", &[])?, Pod::run(machine, "twin", &["--namespace=other"])?];
    let ids = [pods[0].add("of-twin", &[])?, pods[1].add("of-twin", &[])?];
    let refused = machine.run(&["nicon-resolve", "pod:twin"]);
    assert_eq!((refused.code(), &refused.stdout[..]), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("say pod:default:twin or pod:other:twin"), "{refused:?}");
    for (pod, id) in pods.iter().zip(&ids) {
        let pid = machine.run(&["cri", "pid", id]).ok()?;
        for pattern in [format!("{}/*", pod.path), format!("{}/of-twin", pod.path), format!("{}.**", pod.path)] {
            assert_eq!(machine.run(&["nicon-resolve", "--pid", &pattern]).ok()?, pid, "{pattern}");
        }
        // The way back, also from the network namespace, which is the pod's.
        let of = machine.run(&["nicon-resolve", "--json", &format!("--of=pid:{pid}")]).ok()?;
        let record: Value = serde_json::from_str(&of)?;
        assert_eq!(record["target"], format!("{}/of-twin", pod.path), "{record}");
        pod.is_told(&record);
        pod.is_listed()?;
    }
    Ok(())
}

/// Kubernetes will begin the pod anew; until then its containers run.
fn without_a_sandbox(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "headless", &[])?;
    let id = pod.add("left-over", &[])?;
    let (pid, sandbox) = (machine.run(&["cri", "pid", &id]).ok()?, machine.run(&["cri", "sandbox", &pod.id]).ok()?);
    machine.script("kill -9 $1; while [ -e /proc/$1/root/. ]; do sleep 0.02; done", &[&sandbox])?;
    let bundle = format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{}", pod.id);
    machine.script("while [ -e $1 ]; do sleep 0.02; done", &[&bundle])?;
    for path in ["pod:headless", "pod:headless/left-over", "pod:default:headless/left-over"] {
        let refused = machine.run(&["nicon-resolve", path]);
        assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
        let words = format!(
            "the sandbox of pod default/headless does not run; name its containers alone: left-over as id:{}",
            &id[..12]
        );
        assert!(refused.stderr.contains(&words), "{refused:?}");
    }
    assert_eq!(machine.run(&["nicon-resolve", "--pid", &format!("id:{}", &id[..12])]).ok()?, pid);
    let ran = machine.run(&["nicon-resolve", "left-*"]);
    let record: Value = serde_json::from_str(&ran.ok()?)?;
    assert_eq!((record["target"].as_str(), record["pid"].to_string()), (Some("left-over"), pid), "{record}");
    pod.is_told(&record);
    let ran = machine.run(&["nicon-resolve", "pod:headless*/*"]);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.contains("its container \"left-over\" does"), "{ran:?}");
    Ok(())
}

/// Whoever can write where containerd keeps bundles names any pod, but its shim is not the pod's.
fn that_files_alone_tell_of(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "victim", &[])?;
    let id = pod.add("true-web", &[])?;
    let pid = machine.run(&["cri", "pid", &id]).ok()?;
    let run = ["docker", "run", "--detach", "--network=none", "--name=usurper", "image", "sleep", "600"];
    let forged = machine.run(&run).ok()?;
    let bundles = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";
    let forge = r#"jq --arg name true-web '.annotations."io.kubernetes.cri.container-name" = $name' "$1/$2/config.json" >/tmp/forged.json &&
        mkdir "$1/$3" && docker inspect --format '{{.State.Pid}}' usurper >"$1/$3/init.pid" && mv /tmp/forged.json "$1/$3/config.json""#;
    machine.script(forge, &[bundles, &id, &forged])?;
    let found = machine.run(&["nicon-resolve", "--pid", "pod:victim/true-web"]);
    let all = machine.run(&["nicon-resolve", "pod:victim/*"]);
    let alone = machine.run(&["nicon-resolve", "pod:victim/usurper"]);
    machine.script("rm -r \"$1/$2\" && docker rm --force usurper", &[bundles, &forged])?;
    assert_eq!(found.ok()?, pid);
    assert_eq!((all.code(), all.stdout.lines().count()), (Some(2), 1), "{all:?}");
    let words = format!("{} is not in pod default/victim, though files say so", &forged[..12]);
    assert!(all.stderr.contains(&words), "{all:?}");
    assert_ne!(alone.code(), Some(0), "{alone:?}");
    pod.is_listed()
}

/// By a path, and by patterns.
fn are_watched_by_their_paths(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "tidal", &[])?;
    let first = pod.add("tide", &[])?;
    let pid = machine.run(&["cri", "pid", &first]).ok()?;
    let (path, found) = ("pod:tidal/tide", "pod:default:tidal/tide");
    let mut watching = Watching::start(machine, &[], &[path, "pod:default:tidal/*", "pod:tidal"])?;
    watching.expect_process("pod:tidal", "present", &machine.run(&["cri", "sandbox", &pod.id]).ok()?);
    watching.expect_process(path, "present", &pid);
    let event = watching.expect_process(found, "present", &pid);
    pod.is_told(&event);
    machine.run(&["cri", "stop", &first]).ok()?;
    watching.expect(path, "gone");
    watching.expect(found, "gone");
    let second = pod.add("tide", &["--attempt=1"])?;
    let pid = machine.run(&["cri", "pid", &second]).ok()?;
    watching.expect_process(path, "arrived", &pid);
    watching.expect_process(found, "arrived", &pid);
    // The pod ends as a whole, and another of its name comes.
    machine.run(&["cri", "remove", &pod.id]).ok()?;
    for path in [path, found, "pod:tidal"] {
        watching.expect(path, "gone");
    }
    let pod = Pod::run(machine, "tidal", &[])?;
    watching.expect_process("pod:tidal", "arrived", &machine.run(&["cri", "sandbox", &pod.id]).ok()?);
    let third = pod.add("tide", &[])?;
    let pid = machine.run(&["cri", "pid", &third]).ok()?;
    watching.expect_process(path, "arrived", &pid);
    watching.expect_process(found, "arrived", &pid);
    Ok(())
}

/// All of a machine, by one pattern for all depths.
fn are_watched_by_a_pattern_for_all(machine: &Machine) -> Result<(), Failed> {
    let mut watching = Watching::start(machine, &[], &["**"])?;
    let pod = Pod::run(machine, "surge", &[])?;
    let sandbox = machine.run(&["cri", "sandbox", &pod.id]).ok()?;
    watching.expect_process("pod:default:surge", "arrived", &sandbox);
    let id = pod.add("wave", &[])?;
    let pid = machine.run(&["cri", "pid", &id]).ok()?;
    let event = watching.expect_process("pod:default:surge/wave", "arrived", &pid);
    assert_eq!((event["engine_of"].is_null(), event["hops"].as_array().map(Vec::len)), (true, Some(2)), "{event}");
    machine.run(&["cri", "remove", &pod.id]).ok()?;
    watching.expect("pod:default:surge/wave", "gone");
    watching.expect("pod:default:surge", "gone");
    Ok(())
}

fn that_are_not_there(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "quite-alone", &[])?;
    pod.add("only-one", &[])?;
    Pod::run(machine, "dot.ted", &[])?;
    for (path, words) in [
        ("pod:quite-alon", "no pod \"quite-alon\" (did you mean pod:default:quite-alone?)"),
        ("pod:other:quite-alone", "no pod \"quite-alone\""),
        ("pod:dot", "one is called \"dot.ted\": separate names with slashes, as in /pod:default:dot.ted"),
        ("pod:quite-alone/only-on", "did you mean only-one?"),
        ("pod:quite-alone/pod:quite-alone", "there are no pods in a pod"),
        ("quite-alone", "did you mean pod:default:quite-alone?"),
    ] {
        let refused = machine.run(&["nicon-resolve", path]);
        assert_eq!((refused.code(), &refused.stdout[..]), (Some(1), ""), "{refused:?}");
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    Ok(())
}

/// Those of Kubernetes itself are in files; that there may be others is told.
fn with_labels(machine: &Machine) -> Result<(), Failed> {
    let pod = Pod::run(machine, "labelled", &[])?;
    let id = pod.add("by-kubernetes", &[])?;
    let pid = machine.run(&["cri", "pid", &id]).ok()?;
    let of = |words: &[&str]| machine.run(&[&["nicon-resolve", "--pid"], words].concat());
    let of_pod = "--label=io.kubernetes.pod.name=labelled";
    assert_eq!(of(&["pod:*/*", of_pod, "--label=io.kubernetes.container.name=by-kubernetes"]).ok()?, pid);
    let other = of(&["pod:labelled/by-kubernetes", "--label=io.kubernetes.pod.name=other"]);
    assert_eq!((other.code(), &other.stdout[..]), (Some(1), ""), "{other:?}");
    for path in ["pod:labelled/by-kubernetes", "pod:labelled/*"] {
        let unknown = of(&[path, "--label=app=web"]);
        assert_eq!((unknown.code(), &unknown.stdout[..]), (Some(2), ""), "{unknown:?}");
        assert!(unknown.stderr.contains("whether it has a label \"app\" is unknown"), "{unknown:?}");
    }
    let told = machine.run(&["nicon-resolve", "--labels", "pod:labelled/by-kubernetes"]);
    let record: Value = serde_json::from_str(&told.stdout)?;
    let expected = json!({ "io.kubernetes.container.name": "by-kubernetes", "io.kubernetes.pod.name": "labelled",
        "io.kubernetes.pod.namespace": "default", "io.kubernetes.pod.uid": "uid-labelled" });
    assert_eq!((&record["labels"], told.code()), (&expected, Some(2)), "{told:?}");
    assert!(told.stderr.contains("it may have other labels"), "{told:?}");
    // Podman sleeps, and its files have none.
    machine.run(&["podman", "run", "--detach", "--network=none", "--name=unlabelled", "image", "sleep", "600"]).ok()?;
    let asleep = of(&["podman:unlabelled", "--label=app"]);
    machine.run(&["podman", "rm", "--force", "--time=0", "unlabelled"]).ok()?;
    assert_eq!((asleep.code(), &asleep.stdout[..]), (Some(2), ""), "{asleep:?}");
    assert!(asleep.stderr.contains("is unknown: they are not in the files of podman"), "{asleep:?}");
    Ok(())
}
