//! nicon's own form of a plan: a list of links.

mod endpoint;
mod fields;
mod keys;
mod kinds;
mod link;
mod several;
mod value;

use crate::fault::{Fault, Position, START};
use crate::machines;
use crate::plan::Plan;
use crate::targets::Targets;
use crate::yaml::{Content, Node, unknown_key};

pub(crate) use keys::fields;

/// The keys of a plan. Others that begin with `x-` are the writer's own, for what anchors name.
const KEYS: [&str; 2] = [NAME, LINKS];
const NAME: &str = "name";
const LINKS: &str = "links";

/// What a plan says.
pub(crate) fn read(document: Option<&Node>, targets: &Targets, here: &str) -> Plan {
    let mut plan = Plan::default();
    let entries = match document.map(|node| (node, node.entries())) {
        Some((_, Some(entries))) => entries,
        Some((node, None)) if !node.is_nothing() => {
            plan.faults.push(node.position.fault(format!("expected \"{LINKS}:\", found {}", node.content.display())));
            return plan;
        }
        _ => &[],
    };
    match name(document) {
        Ok(name) => plan.name = name,
        Err(fault) => plan.faults.push(fault),
    }
    let (mut is_empty, mut all) = (true, Vec::new());
    for entry in entries {
        match &entry.value.content {
            _ if entry.key.starts_with("x-") || machines::KEYS.contains(&&*entry.key) => {}
            _ if !KEYS.contains(&&*entry.key) => {
                plan.faults.push(unknown_key(entry, &[&KEYS[..], &machines::KEYS].concat()));
            }
            _ if entry.key == NAME => {}
            Content::List(links) if entry.key == LINKS => {
                is_empty = false;
                for link in links.iter() {
                    match link::read(link, targets) {
                        Ok(wanted) => all.push(wanted),
                        Err(faults) => plan.faults.extend(faults),
                    }
                }
            }
            other => {
                let fault = format!("{}: expected a list, found {}", entry.key, other.display());
                plan.faults.push(entry.value.position.fault(fault));
            }
        }
    }
    for link in several::place(&mut plan, document, targets, here, all) {
        plan.add(link);
    }
    if plan.faults.is_empty() && is_empty {
        plan.faults.push(empty());
    }
    plan
}

/// The name that a plan gives itself, and where.
///
/// # Errors
/// If it is no text.
pub(crate) fn name(document: Option<&Node>) -> Result<Option<(String, Position)>, Fault> {
    let Some(node) = document.and_then(|document| document.get(NAME)) else { return Ok(None) };
    match &node.content {
        Content::Scalar(name) => match name.text() {
            Ok(text) => Ok(Some((text.to_owned(), node.position))),
            Err(why) => Err(node.position.fault(format!("{NAME}: {why}"))),
        },
        _ => Err(node.expected(NAME, "text")),
    }
}

fn empty() -> Fault {
    START.fault(format!("the plan is empty: expected \"{LINKS}:\" and a list of links below it"))
}

#[cfg(test)]
mod tests {
    use nicon_core::Record;

    use crate::plan::Plan;
    use crate::targets::Targets;
    use crate::yaml;

    fn plan(text: &str) -> Plan {
        let mut plan = super::read(yaml::parse(text).unwrap().as_ref(), &Targets::default(), "");
        plan.faults.sort();
        plan
    }

    fn faults(text: &str) -> Vec<String> {
        let faults = plan(text).faults;
        assert!(!faults.is_empty());
        faults.into_iter().map(|fault| format!("{}: {}", fault.position, fault.message)).collect()
    }

    #[track_caller]
    fn records(text: &str) -> Vec<String> {
        let plan = plan(text);
        assert_eq!(plan.faults, []);
        plan.records.iter().map(Record::to_line).collect()
    }

    #[test]
    fn a_plan_becomes_records() {
        let text = "links:\n- inspect_ns: a.b\n  nic_tmp: veth0\n  nic_name: eth1\n  expected_pid: 42\n- {nic_tmp: x, inspect_ns: a}\n";
        let mut plan = plan(text);
        plan.finish("p", false);
        assert_eq!(
            plan.records.iter().map(Record::to_line).collect::<Vec<_>>(),
            [
                r#"{"target":"a.b","link":"veth0","name":"eth1","expected_pid":42,"plan":"p","plan_size":2,"plan_item":1}"#,
                r#"{"target":"a","link":"x","plan":"p","plan_size":2,"plan_item":2}"#
            ]
        );
        assert!(records("links: []\n").is_empty());
    }

    #[test]
    fn a_container_can_be_named_without_a_link() {
        let text = "links:\n- {inspect_ns: a, expected_pid: 42}\n- inspect_ns: b\n- {inspect_ns: a, nic_tmp: x}\n";
        assert_eq!(
            records(text),
            [r#"{"target":"a","expected_pid":42}"#, r#"{"target":"b"}"#, r#"{"target":"a","link":"x"}"#]
        );
        for key in ["nic_name: eth1", "from: b", "up: false", "addr: 192.0.2.1/24"] {
            assert_eq!(
                faults(&format!("links:\n- inspect_ns: a\n  {key}\n")),
                ["2:3: the link has no nic_tmp"],
                "{key}"
            );
        }
    }

    #[test]
    fn every_fault_is_reported_with_its_place() {
        let text = "links:\n- inspect_ns: a\n  nic_tmp: veth0\n  nic_nam: eth1\n  x: 1\n- inspect_ns: on\n  nic_tmp: [a]\n  nic_name: 0\n- nic_tmp: veth0\n  inspect_ns: 'a.*'\n- 7\n";
        assert_eq!(
            faults(text),
            [
                "4:3: unknown key \"nic_nam\": did you mean nic_name?",
                "5:3: unknown key \"x\" (nicon-plan --help shows a plan, and says where all keys are)",
                "6:15: inspect_ns: expected text, found the boolean on: write \"on\" in quotes",
                "7:12: nic_tmp: expected a single value, found a list",
                "8:13: nic_name: expected text, found the number 0: write \"0\" in quotes",
                "10:15: inspect_ns: a link goes to one container: \"a.*\" is a pattern",
                "11:3: expected a map, such as {endpoints: [\"A:eth1\", \"B:eth1\"]}, found 7",
            ]
        );
    }

    #[test]
    fn links_and_names_are_unique() {
        let text = "links:\n- {inspect_ns: a, nic_tmp: x}\n- {inspect_ns: b, nic_tmp: x}\n- {inspect_ns: a, nic_tmp: z, nic_name: x}\n";
        assert_eq!(faults(text), ["3:3: x is already moved on line 2", "4:3: a already gets a link x on line 2"]);
        let from = "links:\n- {inspect_ns: a, nic_tmp: x, from: b}\n- {inspect_ns: b, nic_tmp: x, from: 42}\n- {inspect_ns: c, nic_tmp: x, from: 42}\n- {inspect_ns: a, nic_tmp: z, altname: x}\n";
        assert_eq!(faults(from), ["4:3: x is already moved on line 3", "5:3: a already gets a link x on line 2"]);
        let numbers = "links:\n- {inspect_ns: a, nic_tmp: '7', from: b}\n- {inspect_ns: a, nic_tmp: '7', nic_name: eth%d}\n- {inspect_ns: a, nic_tmp: z, nic_name: eth%d}\n";
        assert_eq!(records(numbers).len(), 3);
        let flow = "links: [{inspect_ns: a, nic_tmp: x}, {inspect_ns: b, nic_tmp: x}]";
        assert_eq!(faults(flow), ["1:38: x is already moved on line 1"]);
    }

    #[test]
    fn a_link_can_have_all_that_nicon_linkmv_supports() {
        let text = "links:\n- inspect_ns: a\n  nic_tmp: pci:0000:01:00.0\n  nic_name: eth%d\n  from: 42\n  addr: [192.0.2.2/24, 2001:db8::2/64]\n  gateway: 192.0.2.1\n  route: 198.51.100.0/24,192.0.2.9\n  mtu: 1400\n  mac: 02:00:5e:00:53:01\n  master: br0\n  alias: up link\n  altname: [wan]\n  up: true\n  keep: [sysctl]\n- {inspect_ns: a, nic_tmp: x, from: blue, up: false}\n";
        assert_eq!(
            records(text),
            [
                r#"{"target":"a","link":"pci:0000:01:00.0","name":"eth%d","from":42,"addr":["192.0.2.2/24","2001:db8::2/64"],"gateway":["192.0.2.1"],"route":["198.51.100.0/24,192.0.2.9"],"mtu":1400,"mac":"02:00:5e:00:53:01","master":"br0","alias":"up link","altname":["wan"],"up":true,"keep":["sysctl"]}"#,
                r#"{"target":"a","link":"x","from":"blue","up":false}"#,
            ]
        );
    }

    #[test]
    fn paths_that_nicon_resolve_refuses_are_faults() {
        for (path, fault) in [
            ("a..b", "2:15: inspect_ns: path \"a..b\": name 2 is empty"),
            ("a b", "2:15: inspect_ns: path \"a b\": \"a b\" is not a container name"),
            ("qemu:a", "2:15: inspect_ns: path \"qemu:a\": \"qemu:a\" has an unknown prefix"),
        ] {
            let faults = faults(&format!("links:\n- inspect_ns: {path}\n  nic_tmp: x\n"));
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{faults:?}");
        }
    }

    #[test]
    fn values_that_nicon_linkmv_refuses_are_faults() {
        for (value, fault) in [
            ("addr: 192.0.2.2", "4:9: addr: \"192.0.2.2\" has no prefix length"),
            ("addr: [192.0.2.2/24, ::1/129]", "4:24: addr: \"::1/129\": the prefix length"),
            ("addr: {}", "4:9: addr: expected a single value, found a map"),
            ("gateway: 192.0.2", "4:12: gateway: \"192.0.2\" is not an IP address"),
            ("gateway: 192.0.2.1", "2:3: gateway 192.0.2.1 is not reachable through any of the link's addresses"),
            ("route: 192.0.2.1/24", "4:10: route: \"192.0.2.1/24\" is not a route"),
            ("mtu: many", "4:8: mtu: expected a whole number from 1 to 2147483647, found \"many\""),
            ("mtu: -5", "4:8: mtu: expected a whole number from 1 to 2147483647, found -5"),
            ("mac: 01:00:5e:00:00:01", "4:8: mac: \"01:00:5e:00:00:01\" is not a hardware address: it is a multicast"),
            (
                "mac: 02:00:00:00:53:01",
                "4:8: mac: expected text, found the number 02:00:00:00:53:01: write \"02:00:00:00:53:01\" in quotes",
            ),
            ("delay: 5", "4:10: delay: 5 has no unit: write 5ms"),
            ("rate: 10", "4:9: rate: 10 has no unit: write 10mbit"),
            ("master: a/b", "4:11: master: \"a/b\" is not a link name"),
            ("alias: \"a\\tb\"", "4:10: alias: it contains a line break or a control character"),
            ("altname: a b", "4:12: altname: \"a b\" is not an alternative name"),
            ("up: off", "4:7: up: expected true or false, found off"),
            ("keep: [addr, mtu]", "4:16: keep: \"mtu\" cannot be kept"),
            ("from: ..", "4:9: from: \"..\" is neither a PID"),
            ("nic_name: eth%d%d", "4:13: nic_name: \"eth%d%d\" is not a link name"),
            ("up: false\n  addr: 192.0.2.1/24\n  route: 0.0.0.0/0", "2:3: a route needs the link up"),
        ] {
            let faults = faults(&format!("links:\n- inspect_ns: a\n  nic_tmp: x\n  {value}\n"));
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{value}: {faults:?}");
        }
        assert!(faults("links:\n- inspect_ns: a\n  nic_tmp: a/b\n")[0].starts_with("3:12: nic_tmp: \"a/b\" is not"));
        let both = "links:\n- inspect_ns: a\n  nic_tmp: x\n  addr: [a, b]\n";
        assert_eq!(faults(both).len(), 2);
    }

    #[test]
    fn a_plan_is_a_list_of_links() {
        for (text, expected) in [
            ("", "1:1: the plan is empty"),
            ("links:\n", "1:1: links: expected a list, found nothing"),
            ("- a\n", "1:1: expected \"links:\", found a list"),
            ("link: []\n", "1:1: unknown key \"link\": did you mean links?"),
            ("qq: []\n", "1:1: unknown key \"qq\" (the keys are name, links, machines, nodes, vni)"),
            ("{}\n", "1:1: the plan is empty"),
            ("links:\n- nic_tmp: veth0\n", "2:3: the link has no inspect_ns"),
        ] {
            assert!(faults(text)[0].starts_with(expected), "{:?}", faults(text));
        }
    }

    #[test]
    fn two_endpoints_are_a_pair() {
        let text = "links:\n- endpoints: [\"a.b:eth1\", \"netns:blue:up0\"]\n  mtu: 9000\n  delay: 10ms\n- endpoints:\n  - {endpoint: \"a:eth2\", addr: [192.0.2.1/30], mtu: 1400}\n  - {endpoint: \"host:eth2\", master: br0, expected_pid: 7}\n  nodad: true\n";
        assert_eq!(
            records(text),
            [
                r#"{"target":"a.b","pair":"a.b:eth1 netns:blue:up0","name":"eth1","mtu":9000,"delay":"10ms"}"#,
                r#"{"target":"netns:blue","pair":"a.b:eth1 netns:blue:up0","name":"up0","mtu":9000,"delay":"10ms"}"#,
                r#"{"target":"a","pair":"a:eth2 host:eth2","name":"eth2","addr":["192.0.2.1/30"],"nodad":true,"mtu":1400}"#,
                r#"{"target":"host","pair":"a:eth2 host:eth2","name":"eth2","expected_pid":7,"nodad":true,"master":"br0"}"#,
            ]
        );
        for (link, fault) in [
            ("endpoints: [\"a:x\"]", "2:14: endpoints: expected two, found 1"),
            ("endpoints: a:x", "2:14: endpoints: expected a list such as"),
            ("endpoints: [\"a:x\", b]", "2:22: endpoints: \"b\" is not a container's path, a colon, and the name"),
            ("endpoints: [\"a:x\", \"a:x\"]", "2:22: a already gets a link x on line 2"),
            ("endpoints: [\"a:x\", \"b:eth%d\"]", "2:22: endpoints: \"eth%d\" is not a link name: it contains '%'"),
            ("endpoints: [\"a:x\", {endpoint: \"b:x\", vni: 7}]", "2:40: vni: both ends have the same"),
            ("endpoints: [\"a:x\", {addr: 192.0.2.1/24}]", "2:22: the end has no endpoint"),
            ("{endpoints: [\"a:x\", \"b:x\"], mac: 02:00:5e:00:53:01}", "2:31: mac: the two ends cannot have the same"),
            ("{endpoints: [\"a:x\", \"b:x\"], keep: addr}", "2:31: keep: only a link that is moved has it"),
            ("{endpoints: [\"a:x\", \"b:x\"], kind: veth}", "2:31: kind: only a link that is made has it"),
            (
                "endpoints: [\"a:x\", {endpoint: \"b:x\", gateway: 192.0.2.1}]",
                "2:22: gateway 192.0.2.1 is not reachable",
            ),
        ] {
            let faults = faults(&format!("links:\n- {link}\n"));
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{link}: {faults:?}");
        }
    }

    #[test]
    fn a_kind_is_made() {
        let text = "links:\n- {kind: macvlan, endpoint: \"a.b:eth3\", parent: ens3, mode: bridge, addr: 192.0.2.1/24}\n- {kind: vxlan, endpoint: \"a:vx0\", vni: 0, remote: 192.0.2.9, learning: false}\n- {kind: bridge, inspect_ns: a, nic_name: br0, vlan_filtering: true}\n";
        assert_eq!(
            records(text),
            [
                r#"{"target":"a.b","kind":"macvlan","name":"eth3","parent":"ens3","mode":"bridge","addr":["192.0.2.1/24"]}"#,
                r#"{"target":"a","kind":"vxlan","name":"vx0","vni":0,"remote":"192.0.2.9","learning":false}"#,
                r#"{"target":"a","kind":"bridge","name":"br0","vlan_filtering":true}"#,
            ]
        );
        for (link, fault) in [
            ("{kind: vlan, endpoint: \"a:x\", parent: eth0}", "2:3: a vlan needs vid"),
            (
                "{kind: vlan, endpoint: \"a:x\", parent: eth0, vid: 4095}",
                "2:52: vid: expected a whole number from 1 to 4094",
            ),
            ("{kind: dummy, endpoint: \"a:x\", vid: 7}", "2:34: vid: a dummy has none"),
            ("{kind: macvlan, endpoint: \"a:x\", parent: eth0, mode: l2}", "2:56: mode: \"l2\" is not a mode"),
            ("{kind: vxlan, endpoint: \"a:x\", vni: 1, remote: here}", "2:50: remote: \"here\" is not an IP address"),
            ("{kind: vxlan, endpoint: \"a:x\", vni: 1, remote: 239.0.0.1}", "2:3: "),
            ("{kind: ipvlan, endpoint: \"a:x\", parent: a b}", "2:43: parent: \"a b\" is not a link"),
            ("{kind: dummy}", "2:3: the link has no endpoint"),
            ("{kind: vxlam, endpoint: \"a:x\"}", "2:10: kind: \"vxlam\" is no kind of link that can be made"),
            ("{kind: dummy, endpoint: \"a:x\", name: b}", "2:34: name: what it says is said by another key"),
        ] {
            let faults = faults(&format!("links:\n- {link}\n"));
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{link}: {faults:?}");
        }
    }

    #[test]
    fn settings_have_names() {
        let text = "links:\n- {endpoint: \"a:eth1\", link: x, sysctl: {ipv4.conf.rp_filter: 0, ipv6.conf.disable_ipv6: '1'}, offload: {tx: false}}\n";
        assert_eq!(
            records(text),
            [
                r#"{"target":"a","link":"x","name":"eth1","sysctl":{"ipv4.conf.rp_filter":0,"ipv6.conf.disable_ipv6":"1"},"offload":{"tx":false}}"#
            ]
        );
        for (key, fault) in [
            (
                "sysctl: {ipv4.conf.rp_filter: on}",
                "2:61: sysctl: ipv4.conf.rp_filter: expected text, found the boolean on",
            ),
            ("offload: {tx: 0}", "2:45: offload: tx: expected true or false, found 0"),
            ("offload: tx", "2:40: offload: expected a map, found \"tx\""),
        ] {
            let faults = faults(&format!("links:\n- {{inspect_ns: a, nic_tmp: x, {key}}}\n"));
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{key}: {faults:?}");
        }
    }

    #[test]
    fn aliases_say_the_same_again() {
        let text = "x-wan: &wan {mtu: 1400, delay: 10ms}\nlinks:\n- {endpoints: [\"a:x\", \"b:x\"], <<: *wan}\n- {endpoints: [\"a:y\", \"b:y\"], <<: *wan, mtu: 1500}\n";
        let mtus: Vec<_> = plan(text).records.iter().map(|record| record.cell("mtu")).collect();
        assert_eq!(mtus, ["1400", "1400", "1500", "1500"]);
        // A fault in what is shared is told once, where it stands.
        let wrong = text.replace("1400", "big").replace(", mtu: 1500", "");
        assert_eq!(faults(&wrong).len(), 2, "{:?}", faults(&wrong));
        assert!(faults(&wrong).iter().all(|fault| fault.starts_with("1:19: mtu: expected a whole number")));
    }

    #[test]
    fn links_come_from_the_machine_of_the_plan() {
        let text = "links:\n- {link: x, endpoint: \"a:x\"}\n- {kind: vlan, endpoint: \"a:y\", parent: x, vid: 7, from: target}\n- {kind: macvlan, endpoint: \"a:z\", parent: eth0}\n- {kind: dummy, endpoint: \"host:d\"}\n- {target: a}\n";
        let read =
            |text: &str| super::read(yaml::parse(text).unwrap().as_ref(), &Targets::within("setup").unwrap(), "");
        let plan = read(text);
        assert_eq!(plan.faults, []);
        let told: Vec<_> =
            plan.records.iter().map(|record| record.cell("target") + " " + &record.cell("from")).collect();
        let within = r#"setup.a {"target":"setup"}"#;
        assert_eq!(told, [within, "setup.a target", within, "setup -", "setup.a -"]);
        let ours = read("links:\n- {link: x, from: blue, endpoint: \"a:x\"}\n").faults;
        assert_eq!(ours[0].message, "from: it is ours, and not in setup (--in)");
    }
}
