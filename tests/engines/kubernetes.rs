//! deploy/kubernetes: nicon as a pod, with the rights that its manifests say, and with each of them taken away.

use std::collections::BTreeSet;

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;
use serde_json::Value;

use crate::docker;
use crate::expect::{addresses, until};
use crate::kubelet::{Workload, config_map, object, prepare, publish};
use crate::pods::Pod;
use crate::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("kubernetes::keeps_pods_wired", keeps_pods_wired),
        suite.trial("kubernetes::rights_are_exact", rights_are_exact),
        suite.trial("kubernetes::finds_containers_once", finds_containers_once),
    ]
}

/// A pod with a network of its own.
fn pod<'a>(machine: &'a Machine, name: &str) -> Result<Pod<'a>, Failed> {
    Pod::run(machine, name, &["--network=pod"])
}

/// What `ip` says of a process's network namespace.
fn ip(machine: &Machine, pid: &str, words: &[&str]) -> Result<String, Failed> {
    Ok(machine.run(&[&["nsenter", &format!("--target={pid}"), "--net", "ip"], words].concat()).ok()?)
}

/// The links of a pod with their addresses, but for the one that every pod has.
fn wired(machine: &Machine, pod: &Pod<'_>) -> BTreeSet<String> {
    let pid = machine.run(&["cri", "sandbox", &pod.id]).stdout;
    addresses(machine, pid.trim()).into_iter().filter(|link| !link.starts_with("eth0 ")).collect()
}

fn set(links: &[&str]) -> BTreeSet<String> {
    links.iter().map(|link| (*link).to_owned()).collect()
}

/// Removes what was made for a plan.
fn destroy(machine: &Machine, plan: &str) -> Result<(), Failed> {
    machine.feed(&["nicon-wire", "--destroy"], format!("{{\"plan\":\"{plan}\"}}")).ok()?;
    Ok(())
}

fn keeps_pods_wired(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let (daemon_set, plan) = (object(machine, "nicon.yaml", "DaemonSet")?, object(machine, "plan.yaml", "ConfigMap")?);
    let text = plan["data"]["lab.yaml"].as_str().ok_or("no plan")?;
    // As the kubelet makes it.
    machine.script("mkdir -p /run/nicon && chmod 755 /run/nicon", &[])?;
    let card = "ip link add card0 type veth peer name card1 && ip link set card1 up && ip addr add 10.99.2.1/24 dev card0 && ip link set card0 up";
    machine.script(card, &[])?;
    publish(machine, &plan)?;
    let (client, server) = (pod(machine, "client")?, pod(machine, "server")?);
    let keeper = Workload::run(machine, &daemon_set)?;
    let until = |what: &str, is_so: &dyn Fn() -> bool| until(what, is_so, || keeper.logs());
    let client_has = |links: &[&str]| wired(machine, &client) == set(links);
    until("both are wired", &|| {
        client_has(&["lab0 10.99.0.2", "eth1 10.99.1.1"]) && wired(machine, &server) == set(&["eth1 10.99.1.2"])
    })?;
    let reaches = |address: &str| {
        let pid = machine.run(&["cri", "sandbox", &client.id]).stdout;
        let net = format!("--target={}", pid.trim());
        machine.run(&["nsenter", &net, "--net", "busybox", "ping", "-c", "1", "-W", "1", address]).status.success()
    };
    until("packets pass", &|| reaches("10.99.1.2") && reaches("10.99.0.1"))?;
    has_no_more_rights(machine, &keeper)?;
    assert_eq!(machine.run(&["stat", "--format=%a", "/run/nicon"]).ok()?, "700");

    // One goes and comes again.
    machine.run(&["cri", "remove", &server.id]).ok()?;
    until("the other end has gone as well", &|| client_has(&["lab0 10.99.0.2"]))?;
    let server = pod(machine, "server")?;
    until("it is wired again", &|| reaches("10.99.1.2") && wired(machine, &server) == set(&["eth1 10.99.1.2"]))?;

    // The plan says something else.
    let edited = text.replace("10.99.1.2/30}", "10.99.1.6/29, sysctl: {ipv4.conf.rp_filter: 2}}")
        + "- {link: card0, endpoint: \"pod:default:server:card\", keep: [addr]}\n"
        + "- endpoints: [{endpoint: \"pod:default:client:eth2\", addr: 10.99.3.1/24}, \"pid:1/beside-pods:eth0\"]\n";
    let edited: String = edited.split_inclusive('\n').filter(|line| !line.contains("client0")).collect();
    publish(machine, &config_map("lab", &edited))?;
    docker::run(machine, "beside-pods", &[])?;
    let as_edited = || {
        client_has(&["eth1 10.99.1.1", "eth2 10.99.3.1"])
            && wired(machine, &server) == set(&["card 10.99.2.1", "eth1 10.99.1.6"])
    };
    until("what the plan says now", &as_edited)?;
    let pid = machine.run(&["cri", "sandbox", &server.id]).ok()?;
    // It is set in a proc of nicon's own: that of its container is read-only.
    let setting = ["nsenter", &format!("--target={pid}"), "--net", "cat", "/proc/sys/net/ipv4/conf/eth1/rp_filter"];
    until("a setting", &|| machine.run(&setting).stdout == "2\n")?;

    // It is ended, and leaves all as it is, for the next one.
    let before = ip(machine, &pid, &["-j", "link"])?;
    assert_eq!(keeper.stop()?, "143", "{}", keeper.logs());
    assert!(as_edited());
    let keeper = Workload::run(machine, &daemon_set)?;
    let until = |what: &str, is_so: &dyn Fn() -> bool| crate::expect::until(what, is_so, || keeper.logs());
    until("the next one has looked at all", &|| keeper.logs().contains("\"name\":\"card\""))?;
    assert_eq!(ip(machine, &pid, &["-j", "link"])?, before);
    // How the card was before the first one moved it outlives that one.
    publish(machine, &config_map("lab", text))?;
    until("the card is home", &|| addresses(machine, "1").contains("card0 10.99.2.1"))?;
    until("all is as it was", &|| client_has(&["lab0 10.99.0.2", "eth1 10.99.1.1"]))?;
    // One without links takes all away.
    publish(machine, &config_map("lab", "name: lab\nlinks: []\n"))?;
    until("nothing is left", &|| {
        [&client, &server].iter().all(|pod| wired(machine, pod).is_empty())
            && ip(machine, "1", &["link", "show", "br-lab"]).is_err()
    })?;
    machine.run(&["ip", "link", "del", "card0"]).ok()?;
    Ok(())
}

/// The kernel knows of no others.
fn has_no_more_rights(machine: &Machine, keeper: &Workload<'_>) -> Result<(), Failed> {
    let status = machine.run(&["cat", &format!("/proc/{}/status", keeper.pid()?)]).ok()?;
    // CAP_NET_ADMIN, CAP_SYS_PTRACE and CAP_SYS_ADMIN of capabilities(7); a filter; and nothing is gained by execve(2).
    let (some, none) = (1_u64 << 12 | 1 << 19 | 1 << 21, 0_u64);
    for line in [
        format!("CapPrm:\t{some:016x}"),
        format!("CapEff:\t{some:016x}"),
        format!("CapBnd:\t{some:016x}"),
        format!("CapAmb:\t{none:016x}"),
        "NoNewPrivs:\t1".to_owned(),
        "Seccomp:\t2".to_owned(),
    ] {
        assert!(status.lines().any(|found| found == line), "no {line} in {status}");
    }
    let mounts = machine.run(&["cat", &format!("/proc/{}/mounts", keeper.pid()?)]).ok()?;
    let writable = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (path, options) = (words.next()?, words.nth(1)?);
        let is_of_every_container = ["/proc", "/dev"].iter().any(|top| path.starts_with(top));
        (options.starts_with("rw") && !is_of_every_container).then_some(path)
    });
    assert_eq!(writable.collect::<Vec<_>>(), ["/run/nicon"], "{mounts}");
    Ok(())
}

/// A right of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    /// One of the namespaces of the node.
    Host(&'static str),
    Capability(&'static str),
    /// A directory of the node.
    Mount(&'static str),
}

/// Each of them, with the status of `nicon wire` without it, and what that says.
const RIGHTS: [(Right, &str, &str); 6] = [
    (Right::Capability("NET_ADMIN"), "2", "needs root, or CAP_NET_ADMIN"),
    (Right::Capability("SYS_ADMIN"), "2", "needs root, or CAP_SYS_ADMIN"),
    (Right::Capability("SYS_PTRACE"), "2", UNKNOWN),
    (Right::Host("hostPID"), "1", "no containerd engine"),
    (Right::Host("hostNetwork"), "1", "no link card-exact in host"),
    // All is done then, but what was moved does not come home.
    (Right::Mount("journal"), "0", "no journal can be kept"),
];

/// What is said where there are monitors of containers that may not be looked at.
const UNKNOWN: &str = "so whether there is a pod \"exact\" is unknown";

/// The pod of a workload.
fn spec(workload: &mut Value) -> &mut Value {
    workload.pointer_mut("/spec/template/spec").expect("a pod")
}

/// The names of all rights of a workload that has only one container.
fn rights(workload: &Value) -> BTreeSet<String> {
    let spec = &workload["spec"]["template"]["spec"];
    let all = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let hosts = spec.as_object().into_iter().flatten();
    let hosts =
        hosts.filter(|(key, value)| key.starts_with("host") && **value == true).map(|(key, _)| key.clone().into());
    let capabilities = all(&spec["containers"][0]["securityContext"]["capabilities"]["add"]);
    let volumes = all(&spec["volumes"]).into_iter().filter(|volume| volume.get("hostPath").is_some());
    let names = hosts.chain(capabilities).chain(volumes.map(|volume| volume["name"].clone()));
    names.filter_map(|name: Value| name.as_str().map(str::to_owned)).collect()
}

/// A workload without a right of its.
fn without(workload: &Value, right: Right) -> Value {
    let mut workload = workload.clone();
    let mut expected = rights(&workload);
    let spec = spec(&mut workload);
    let remove = |list: &mut Value, is_it: &dyn Fn(&Value) -> bool| {
        list.as_array_mut().expect("a list").retain(|value| !is_it(value));
    };
    let name = match right {
        Right::Host(name) => {
            spec[name] = false.into();
            name
        }
        Right::Capability(name) => {
            remove(&mut spec["containers"][0]["securityContext"]["capabilities"]["add"], &|value| *value == name);
            name
        }
        Right::Mount(name) => {
            remove(&mut spec["containers"][0]["volumeMounts"], &|mount| mount["name"] == name);
            remove(&mut spec["volumes"], &|volume| volume["name"] == name);
            name
        }
    };
    assert!(expected.remove(name) && rights(&workload) == expected, "{right:?}");
    workload
}

/// Without one of them, what the plan asks for is not done, or nothing would give it back.
fn rights_are_exact(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let mut daemon_set = object(machine, "nicon.yaml", "DaemonSet")?;
    let names = RIGHTS.map(|(Right::Host(name) | Right::Capability(name) | Right::Mount(name), ..)| name.to_owned());
    assert_eq!(rights(&daemon_set), names.into());
    let pod_spec = spec(&mut daemon_set);
    pod_spec["volumes"][0]["configMap"]["name"] = "exact".into();
    // Once, so that it ends.
    let command = pod_spec["containers"][0]["command"].as_array_mut().ok_or("no command")?;
    command.retain(|word| word != "--watch");
    let plan = "name: exact
links:
- {link: card-exact, endpoint: \"pod:default:exact:card\"}
- endpoints: [{endpoint: \"pod:default:exact:eth1\", addr: 10.98.0.1/30}, \"host:to-exact\"]
";
    publish(machine, &config_map("exact", plan))?;
    machine.script("ip link add card-exact type veth peer name other-exact", &[])?;
    let pod = pod(machine, "exact")?;
    let pid = machine.run(&["cri", "sandbox", &pod.id]).ok()?;
    let lesser =
        RIGHTS.iter().map(|(right, status, said)| (without(&daemon_set, *right), Some(*right), *status, *said));
    for (workload, right, status, said) in [(daemon_set.clone(), None, "0", "")].into_iter().chain(lesser) {
        let once = Workload::run(machine, &workload)?;
        let (ended, logs) = (once.wait()?, once.logs());
        // Monitors that other tests' LXC has are seen by their sockets, and not as processes.
        let is_unknown = right == Some(Right::Host("hostPID")) && ended == "2" && logs.contains(UNKNOWN);
        assert!(is_unknown || ended == status && logs.contains(said), "{right:?}: {ended}: {logs}");
        let links = ip(machine, &pid, &["-br", "link"])?;
        let is_done = |name: &str| links.lines().any(|line| line.starts_with(name));
        assert_eq!([is_done("card@"), is_done("eth1@")], [status == "0"; 2], "{right:?}: {links}");
        let home = destroy(machine, "exact");
        if right == Some(Right::Mount("journal")) {
            let why = home.err().and_then(|failed| failed.message().map(str::to_owned)).unwrap_or_default();
            assert!(why.contains("how it was before is not known any more"), "{why}");
        } else {
            home?;
        }
    }
    machine.run(&["ip", "link", "del", "other-exact"]).ok()?;
    Ok(())
}

/// The Job prints what is there, and ends; it may do no more than look.
fn finds_containers_once(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let job = object(machine, "find.yaml", "Job")?;
    assert_eq!(rights(&job), ["SYS_PTRACE", "hostPID"].map(str::to_owned).into());
    let pod = pod(machine, "found")?;
    let inside = pod.add("inside", &[])?;
    let pids = [machine.run(&["cri", "sandbox", &pod.id]).ok()?, machine.run(&["cri", "pid", &inside]).ok()?];
    let finds = |job: &Value| -> Result<[bool; 2], Failed> {
        let once = Workload::run(machine, job)?;
        // What other tests run may be unreadable, which is told.
        once.wait()?;
        let logs = once.logs();
        Ok(pids.each_ref().map(|pid| logs.contains(&format!("\"pid\":{pid},\"starttime\""))))
    };
    assert_eq!(finds(&job)?, [true; 2]);
    for right in [Right::Capability("SYS_PTRACE"), Right::Host("hostPID")] {
        assert_eq!(finds(&without(&job, right))?, [false; 2], "{right:?}");
    }
    Ok(())
}
