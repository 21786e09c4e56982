//! Containerlab's topology files, as they are.
//!
//! nicon wires nodes that run: what a file says of starting and configuring them is not read. What it says of links is carried
//! out as containerlab does (its `links/` and `core/`, July 2026), or is a fault.

mod end;
mod ends;
mod lab;
mod links;
mod making;
mod nodes;
mod templates;
mod tunnels;
mod values;
mod variables;

pub(crate) use templates::first as template;

use crate::fault::{Fault, Position};
use crate::plan::Plan;
use crate::targets::Targets;
use crate::yaml::{Content, Node, unknown_key};
use lab::Lab;
use making::Making;
use nodes::Nodes;
use values::Values;

/// The key that tells a topology from nicon's own form.
const TOPOLOGY: &str = "topology";

/// The keys below it.
const KEYS: [&str; 5] = ["defaults", "groups", "kinds", "links", "nodes"];

/// Whether a document is a topology.
pub(crate) fn is_topology(document: &Node) -> bool {
    document.get(TOPOLOGY).is_some()
}

/// The lab's name, whatever else a topology says.
///
/// # Errors
/// If it says none.
pub(crate) fn name(document: &Node, env: &dyn Fn(&str) -> Option<String>) -> Result<(String, Position), Fault> {
    lab::name(document, &Values { env })
}

/// What a topology says.
pub(crate) fn read(document: &Node, text: &str, targets: &Targets, env: &dyn Fn(&str) -> Option<String>) -> Plan {
    let values = Values { env };
    let mut plan = Plan::with_faults(templates::in_comments(text));
    let lab = match Lab::read(document, &values) {
        Ok(lab) => lab,
        Err(faults) => {
            plan.faults.extend(faults);
            return plan;
        }
    };
    plan.name = Some(lab.name.clone());
    let Some(topology) = document.get(TOPOLOGY).filter(|topology| !topology.is_nothing()) else { return plan };
    let Some(entries) = topology.entries() else {
        plan.faults.push(topology.expected(TOPOLOGY, "a map"));
        return plan;
    };
    plan.faults
        .extend(entries.iter().filter(|entry| !KEYS.contains(&&*entry.key)).map(|entry| unknown_key(entry, &KEYS)));
    let mut nodes = Nodes::read(topology, &lab, targets, &values);
    plan.faults.append(&mut nodes.faults);
    for bridge in std::mem::take(&mut nodes.bridges) {
        plan.add(vec![bridge]);
    }
    match topology.get("links").map(|links| (links, &links.content)) {
        Some((_, Content::List(list))) => {
            let making = Making { nodes: &nodes, values: &values, targets };
            for link in list.iter() {
                match links::read(link, &making) {
                    Ok(wanted) => plan.add(wanted),
                    Err(faults) => plan.faults.extend(faults),
                }
            }
        }
        Some((links, _)) if !links.is_nothing() => plan.faults.push(links.expected("links", "a list")),
        _ => {}
    }
    plan
}

#[cfg(test)]
mod tests {
    use nicon_core::Record;

    use crate::plan::Plan;
    use crate::targets::Targets;
    use crate::yaml;

    fn plan_in(text: &str, targets: &Targets) -> Plan {
        let env = |name: &str| (name == "PARENT").then(|| "ens9".to_owned());
        let mut plan = super::read(&yaml::parse(text).unwrap().unwrap(), text, targets, &env);
        plan.faults.sort();
        plan
    }

    /// A lab of the nodes `r1`, `r2`, and of these links.
    fn lab(links: &str) -> String {
        format!("name: lab1\ntopology:\n  nodes:\n    r1: {{kind: linux}}\n    r2:\n  links:\n{links}")
    }

    #[track_caller]
    fn records(text: &str) -> Vec<String> {
        let plan = plan_in(text, &Targets::default());
        assert_eq!(plan.faults, []);
        plan.records.iter().map(Record::to_line).collect()
    }

    /// The records without what is the same in all pairs.
    #[track_caller]
    fn short(text: &str) -> Vec<String> {
        records(text)
            .iter()
            .map(|line| line.replace(r#","mtu":9500,"offload":{"tx-checksumming":false}"#, ""))
            .collect()
    }

    fn faults(text: &str) -> Vec<String> {
        let faults = plan_in(text, &Targets::default()).faults;
        faults.into_iter().map(|fault| format!("{}: {}", fault.position, fault.message)).collect()
    }

    #[test]
    fn a_link_is_a_pair_that_carries_large_frames() {
        let pair = r#""pair":"clab-lab1-r1:eth1 clab-lab1-r2:eth2""#;
        let of = |target: &str, name: &str, more: &str| {
            format!(r#"{{"target":"clab-lab1-{target}",{pair},"name":"{name}",{more}}}"#)
        };
        let more = r#""mtu":9500,"offload":{"tx-checksumming":false}"#;
        assert_eq!(
            records(&lab("  - endpoints: [\"r1:eth1\", \"r2:eth2\"]\n")),
            [of("r1", "eth1", more), of("r2", "eth2", more)]
        );
        let more = r#""mtu":1400,"offload":{"tx-checksumming":false},"addr":["#;
        let brief = "  - endpoints: [\"r1:eth1\", \"r2:eth2\"]\n    mtu: 1400\n    ipv4: [\"\", 192.0.2.2/24]\n    ipv6: [\"2001:db8::1/64\"]\n    labels: {a: b}\n    vars: {c: [1]}\n";
        assert_eq!(
            records(&lab(brief)),
            [
                of("r1", "eth1", &format!(r#"{more}"2001:db8::1/64"]"#)),
                of("r2", "eth2", &format!(r#"{more}"192.0.2.2/24"]"#))
            ]
        );
        let extended = "  - type: veth\n    mtu: 1400\n    endpoints:\n    - {node: r1, interface: eth1, mac: 02:00:00:00:53:01, ipv6: \"2001:db8::1/64\"}\n    - {node: r2, interface: eth2, ipv4: 192.0.2.2/24, vars: {}}\n";
        assert_eq!(
            records(&lab(extended)),
            [
                of("r1", "eth1", &format!(r#"{more}"2001:db8::1/64"],"mac":"02:00:00:00:53:01""#)),
                of("r2", "eth2", &format!(r#"{more}"192.0.2.2/24"]"#))
            ]
        );
    }

    #[test]
    fn containers_are_called_as_the_prefix_says() {
        for (prefix, name) in [
            ("", "clab-lab1-r1"),
            ("prefix:\n", "clab-lab1-r1"),
            ("prefix: my\n", "my-lab1-r1"),
            ("prefix: __lab-name\n", "lab1-r1"),
            ("prefix: \"\"\n", "r1"),
            ("prefix: ${NONE:=\"\"}\n", "r1"),
            ("prefix: a.b\n", r"a\\.b-lab1-r1"),
        ] {
            let text = prefix.to_owned() + &lab("  - {type: dummy, endpoint: {node: r1, interface: d0}}\n");
            assert_eq!(records(&text), [format!(r#"{{"target":"{name}","kind":"dummy","name":"d0","mtu":9500}}"#)]);
        }
        assert!(faults("topology: {nodes: {}}\n")[0].starts_with("1:1: the topology has no name"));
        assert!(faults("name: x-__gitBranch__\ntopology:\n")[0].starts_with("1:7: name: nicon does not ask Git"));
    }

    #[test]
    fn nodes_that_are_no_containers_of_the_lab() {
        let text = "name: l\nmgmt: {bridge: br-mgmt}\ntopology:\n  groups:\n    switches: {kind: bridge}\n  kinds:\n    ext-container: {network-mode: container:r1}\n  defaults: {kind: linux}\n  nodes:\n    r1:\n    br0: {group: switches}\n    out: {kind: ext-container}\n    up: {kind: host}\n    br1|r1: {kind: bridge, network-mode: \"container:r1\"}\n  links:\n  - endpoints: [\"r1:a\", \"br0:b\"]\n  - endpoints: [\"out:c\", \"host:d\"]\n  - endpoints: [\"up:e\", \"mgmt-net:f\"]\n  - endpoints: [\"out:g\", \"br1|r1:h\"]\n  - {type: host, host-interface: i, endpoint: {node: r1, interface: j}}\n  - {type: mgmt-net, host-interface: k, endpoint: {node: r1, interface: l}}\n";
        assert_eq!(
            short(text),
            [
                r#"{"target":"clab-l-r1","kind":"bridge","name":"br1"}"#,
                r#"{"target":"clab-l-r1","pair":"clab-l-r1:a host:b","name":"a"}"#,
                r#"{"target":"host","pair":"clab-l-r1:a host:b","name":"b","master":"br0"}"#,
                r#"{"target":"out","pair":"out:c host:d","name":"c"}"#,
                r#"{"target":"host","pair":"out:c host:d","name":"d"}"#,
                r#"{"target":"host","pair":"host:e host:f","name":"e"}"#,
                r#"{"target":"host","pair":"host:e host:f","name":"f","master":"br-mgmt"}"#,
                r#"{"target":"out","pair":"out:g clab-l-r1:h","name":"g"}"#,
                r#"{"target":"clab-l-r1","pair":"out:g clab-l-r1:h","name":"h","master":"br1"}"#,
                r#"{"target":"clab-l-r1","pair":"clab-l-r1:j host:i","name":"j"}"#,
                r#"{"target":"host","pair":"clab-l-r1:j host:i","name":"i"}"#,
                r#"{"target":"clab-l-r1","pair":"clab-l-r1:l host:k","name":"l"}"#,
                r#"{"target":"host","pair":"clab-l-r1:l host:k","name":"k","master":"br-mgmt"}"#,
            ]
        );
        // Two nodes that share a network namespace cannot have links of the same name.
        let twice = text.replace("out:g", "out:a");
        assert_eq!(faults(&twice), ["19:17: clab-l-r1 already gets a link a on line 16"]);
    }

    #[test]
    fn links_that_are_no_pairs() {
        let links = "  - endpoints: [\"r1:eth1\", \"macvlan:${PARENT:=ens3}\"]\n  - {type: macvlan, host-interface: ens4, mode: vepa, endpoint: {node: r2, interface: eth1, mac: 00-00-5e-00-53-01}}\n  - {type: vxlan, endpoint: {node: r1, interface: vx0}, vni: 100, remote: 192.0.2.9, udp-port: 4790, mtu: 1400}\n  - {type: vxlan-stitch, endpoint: {node: r2, interface: eth2}, vni: 101, remote: 192.0.2.9, parent-interface: ens3}\n  - {type: vxlan-stitch, endpoint: {node: r2, interface: a-long-name}, vni: 102, remote: \"2001:db8::9\"}\n";
        assert_eq!(
            short(&lab(links)),
            [
                r#"{"target":"clab-lab1-r1","kind":"macvlan","name":"eth1","parent":"ens9","promisc":true}"#,
                r#"{"target":"clab-lab1-r2","kind":"macvlan","name":"eth1","parent":"ens4","mode":"vepa","promisc":true,"mac":"00:00:5e:00:53:01"}"#,
                r#"{"target":"clab-lab1-r1","kind":"vxlan","name":"vx0","vni":100,"remote":"192.0.2.9","dst_port":4790,"mtu":1400}"#,
                r#"{"target":"clab-lab1-r2","pair":"clab-lab1-r2:eth2 host:ve-r2_eth2","name":"eth2"}"#,
                r#"{"target":"host","pair":"clab-lab1-r2:eth2 host:ve-r2_eth2","name":"ve-r2_eth2"}"#,
                r#"{"target":"host","kind":"vxlan","name":"vx-r2_eth2","parent":"ens3","vni":101,"remote":"192.0.2.9","dst_port":14789,"from":"target","stitch":"ve-r2_eth2"}"#,
                r#"{"target":"clab-lab1-r2","pair":"clab-lab1-r2:a-long-name host:clab-bd359a2c","name":"a-long-name"}"#,
                r#"{"target":"host","pair":"clab-lab1-r2:a-long-name host:clab-bd359a2c","name":"clab-bd359a2c","altname":["ve-r2_a-long-name"]}"#,
                r#"{"target":"host","kind":"vxlan","name":"clab-3aed7bd5","vni":102,"remote":"2001:db8::9","dst_port":14789,"from":"target","stitch":"clab-bd359a2c","altname":["vx-r2_a-long-name"]}"#,
            ]
        );
    }

    #[test]
    fn a_lab_within_a_container_has_its_host_there() {
        let text = lab("  - endpoints: [\"r1:eth1\", \"host:r1\"]\n  - endpoints: [\"r2:eth1\", \"macvlan:eth0\"]\n");
        let plan = plan_in(&text, &Targets::within("setup.olt_1").unwrap());
        let lines: Vec<_> =
            plan.records.iter().map(|record| format!("{} {}", record.cell("target"), record.cell("from"))).collect();
        assert_eq!(
            lines,
            ["setup.olt_1.clab-lab1-r1 -", "setup.olt_1 -", r#"setup.olt_1.clab-lab1-r2 {"target":"setup.olt_1"}"#]
        );
    }

    #[test]
    fn what_is_not_done_is_named() {
        let nodes = "name: lab1\ntopology:\n  nodes:\n    r1: {kind: linux}\n    r2: {kind: linux}\n    ovs: {kind: ovs-bridge}\n    k1: {kind: k8s-kind}\n    br0|no: {kind: bridge, network-mode: \"container:no\"}\n  links:\n";
        for (link, fault) in [
            (
                "endpoints: [\"r1:eth1\", \"r2:ethernet-1/1\"]",
                "10:28: \"ethernet-1/1\" is not a link name: it contains '/': nicon does not know",
            ),
            ("endpoints: [\"r1:eth1\", \"r3:eth1\"]", "10:28: there is no node \"r3\": did you mean r"),
            ("endpoints: [\"r1:eth1\", \"mgmt-net:x\"]", "10:28: mgmt-net: the engine made up the name"),
            ("endpoints: [\"r1:eth1\", \"ovs:x\"]", "10:28: ovs: ports of Open vSwitch are not added"),
            ("endpoints: [\"r1:eth1\", \"k1:eth1\"]", "10:28: k1: a cluster has no links of its own"),
            ("endpoints: [\"r1:eth1\", \"br0|no:x\"]", "10:28: br0|no: container:no: there is no such node"),
            ("endpoints: [\"r1:eth1\", \"r1:eth1\"]", "10:28: clab-lab1-r1 already gets a link eth1 on line 10"),
            ("endpoints: [\"r1:eth1\", \"r2:$NONE\"]", "10:28: endpoints: the variable NONE is not set"),
            ("endpoints: [\"r1:eth1\", \"r2:{{ .x }}\"]", "10:28: endpoints: a Go template is not expanded"),
            ("endpoints: [\"r1:eth1\"]", "10:16: endpoints: expected two, found 1"),
            ("endpoints: [\"r1:eth1\", r2]", "10:28: endpoints: \"r2\" is not NODE:INTERFACE"),
            ("{endpoints: [\"r1:eth1\", \"r2:eth1\"], mtuu: 1400}", "10:41: unknown key \"mtuu\": did you mean mtu?"),
            ("{endpoints: [\"r1:eth1\", \"r2:eth1\"], mtu: big}", "10:46: mtu: expected a whole number"),
            (
                "{endpoints: [\"r1:eth1\", \"r2:eth1\"], ipv4: [\"2001:db8::1/64\"]}",
                "10:48: ipv4: \"2001:db8::1/64\" is of the other version",
            ),
            (
                "{endpoints: [\"r1:eth1\", \"r2:eth1\"], ipv4: [192.0.2.1]}",
                "10:48: ipv4: \"192.0.2.1\" has no prefix length",
            ),
            (
                "{type: veth-stitch, endpoints: []}",
                "10:12: type: veth-stitch is not made: veth carries the same frames",
            ),
            ("{type: bond, endpoints: []}", "10:12: type: unknown type \"bond\""),
            ("{type: dummy}", "10:5: the link has no endpoint"),
            ("{type: dummy, endpoint: {node: r1}}", "10:29: the endpoint has no interface"),
            (
                "{type: dummy, endpoint: {node: r1, interface: x, mac: 1}}",
                "10:59: mac: \"1\" is not a hardware address",
            ),
            (
                "{type: vxlan, endpoint: {node: r1, interface: x}, vni: 1, remote: there}",
                "10:71: remote: \"there\" is not an IP",
            ),
            (
                "{type: vxlan, endpoint: {node: r1, interface: x}, vni: 1, remote: 192.0.2.1, src-port: 7}",
                "10:92: src-port:",
            ),
            (
                "{type: vxlan, endpoint: {node: r1, interface: x}, vni: 1, remote: 192.0.2.1, qq: 7}",
                "10:82: unknown key \"qq\" (the keys are ipv4, ipv6, labels, mtu, type, vars, dst-port, endpoint,",
            ),
            ("7", "10:5: links: expected a map, found 7"),
        ] {
            let faults = faults(&format!("{nodes}  - {link}\n"));
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{link}: {faults:?}");
        }
        // The others are read all the same.
        let plan = plan_in(&format!("{nodes}  - 7\n  - endpoints: [\"r1:eth1\", \"r2:eth1\"]\n"), &Targets::default());
        assert_eq!((plan.faults.len(), plan.records.len()), (1, 2));
        assert_eq!(faults("name: l\ntopolgy: 1\ntopology: {links: {}, nods: 1}\n").len(), 1);
        assert_eq!(faults("name: l\ntopology: {links: {}, nods: 1}\n").len(), 2);
        assert_eq!(faults(&lab("  # {{ if .x }}\n"))[0].split(':').take(2).collect::<Vec<_>>(), ["7", "5"]);
    }

    #[test]
    fn what_says_how_nodes_are_started_is_not_read() {
        let text = "name: l\nsettings: {a: b}\ntopology:\n  nodes:\n    r1:\n      kind: linux\n      image: ${IMAGE}\n      exec: [\"echo {{ . }}\", \"ip address add 192.0.2.1/24 dev eth1\"]\n      healthcheck: {test: [a], deep: [[[[[1]]]]]}\n      whatever: 1\n";
        assert_eq!(records(text), [] as [&str; 0]);
    }
}
