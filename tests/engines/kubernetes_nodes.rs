//! deploy/kubernetes with a plan for several nodes: whose half is made, and where it sends from.

use libtest_mimic::{Failed, Trial};
use nicon_lab::machine::Machine;
use serde_json::Value;

use crate::expect::until;
use crate::kubelet::{Workload, config_map, manifest, object, object_of, prepare, publish};
use crate::pods::Pod;
use crate::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("kubernetes_nodes::makes_the_half_of_its_node", makes_the_half_of_its_node)]
}

/// What the kubelet of the tests calls its node, and some other one.
const PLAN: &str = "name: nodes
machines: {node1: {address: 198.51.100.1}, node2: {address: 198.51.100.2}}
nodes: {\"pod:default:near\": {on: node1}, \"pod:default:far\": {on: node2}}
links:
- {endpoints: [\"pod:default:near:far0\", \"pod:default:far:near0\"], vni: 4711}
";

/// The `DaemonSet` with what its comments say in place of its own command.
fn for_several_nodes(machine: &Machine) -> Result<Value, Failed> {
    let text = manifest("nicon.yaml")?;
    let (own, commented) = ("\n        command: [", "\n        # command: [");
    assert_eq!((text.matches(own).count(), text.matches(commented).count()), (1, 1), "{text}");
    let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("        command: ["));
    let text = lines
        .collect::<String>()
        .replace("        # command: [", "        command: [")
        .replace("        # env: [", "        env: [");
    object_of(machine, &text, "DaemonSet")
}

/// Whether a VXLAN sends from the machine's own network: there it has a socket.
fn sends_from_here(machine: &Machine) -> bool {
    !machine.run(&["ss", "-Huln", "sport = :4789"]).stdout.is_empty()
}

fn makes_the_half_of_its_node(machine: &Machine) -> Result<(), Failed> {
    prepare(machine);
    let way = "ip link add way0 type veth peer name way1 && ip link set way1 up && ip addr add 198.51.100.1/24 dev way0 && ip link set way0 up";
    machine.script(way, &[])?;
    publish(machine, &config_map("lab", PLAN))?;
    machine.script("mkdir -p /run/nicon && chmod 755 /run/nicon", &[])?;
    let near = Pod::run(machine, "near", &["--network=pod"])?;
    let pid = machine.run(&["cri", "sandbox", &near.id]).ok()?;
    let vni = || {
        let told =
            machine.run(&["nsenter", &format!("--target={pid}"), "--net", "ip", "-d", "-j", "link", "show", "far0"]);
        let links: Value = serde_json::from_str(&told.stdout).unwrap_or_default();
        links[0]["linkinfo"]["info_data"]["id"].as_u64()
    };
    // By its hostname alone, the node is none of the plan's.
    let lost = Workload::run(machine, &object(machine, "nicon.yaml", "DaemonSet")?)?;
    until("it does not know the node", || lost.logs().contains("this machine is called"), || lost.logs())?;
    assert_eq!(vni(), None);
    drop(lost);

    let mut daemon_set = for_several_nodes(machine)?;
    for is_of_node in [true, false] {
        daemon_set["spec"]["template"]["spec"]["hostNetwork"] = is_of_node.into();
        let keeper = Workload::run(machine, &daemon_set)?;
        until("its half is made", || vni() == Some(4711), || keeper.logs())?;
        assert_eq!(sends_from_here(machine), is_of_node, "{}", keeper.logs());
        drop(keeper);
        machine.feed(&["nicon-wire", "--destroy"], "{\"plan\":\"nodes\"}").ok()?;
    }
    // One without machines is for no --on.
    publish(machine, &config_map("lab", "name: nodes\nlinks: []\n"))?;
    let refused = Workload::run(machine, &daemon_set)?;
    until("it is refused", || refused.logs().contains("--on"), || refused.logs())?;
    machine.run(&["ip", "link", "del", "way0"]).ok()?;
    Ok(())
}
