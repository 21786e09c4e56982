//! nicon-plan: a plan becomes records, and all of its links are moved or none.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool};
use serde_json::{Value, json};

use crate::support::expect::{deed, parse, records, refusal};
use crate::support::links::{Pair, Place, ip, links, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::plan::wires_a_lab", wires_a_lab),
        suite.trial("filters::plan::looks_for_containers_without_links", looks_for_containers),
        suite.trial("filters::plan::links_get_their_attributes", links_get_their_attributes),
        suite.trial("filters::plan::another_pid_than_expected_moves_nothing", another_pid_than_expected),
        suite.trial("filters::plan::a_container_that_is_missing_moves_nothing", a_container_that_is_missing),
        suite.trial("filters::plan::each_link_for_itself", each_link_for_itself),
        suite.trial("filters::plan::several_plans_in_a_stream", several_plans),
        suite.trial("filters::plan::faults_are_reported_with_their_places", faults),
        suite.trial("filters::plan::unreadable_plans", unreadable_plans),
        suite.trial("filters::plan::each_record_tells_its_plan", each_record_tells_its_plan),
        suite.trial("filters::plan::a_topology_of_containerlab", a_topology_of_containerlab),
        suite.trial("filters::plan::a_topology_of_all_types", a_topology_of_all_types),
        suite.trial("filters::plan::a_topology_in_a_container", a_topology_in_a_container),
        suite.trial("filters::plan::what_a_topology_asks_in_vain", what_a_topology_asks_in_vain),
    ]
}

/// A link of a plan. It gets the name of its peer, which is unique in the container as well.
fn wire(target: &str, pair: &Pair, more: &str) -> String {
    format!("- inspect_ns: {target}\n  nic_tmp: {}\n  nic_name: {}\n{more}", pair.link, pair.peer)
}

/// A plan of two links: the first is valid, the second goes to `target` and has `more` keys.
fn plan_of_two(lab: &Lab, pairs: [&Pair; 2], target: &str, more: &str) -> Result<String, Failed> {
    let right = format!("  expected_pid: {}   # on the host\n", lab.host_pid("setup")?);
    Ok(format!("links:\n{}{}", wire("setup", pairs[0], &right), wire(target, pairs[1], more)))
}

/// Longer than a link's own name may be.
const LONG: &str = "a-name-of-more-than-fifteen-bytes";

const PIPE: &str = "nicon-plan - | nicon-resolve | nicon-linkmv";

/// A refusal by nicon-resolve, after which nothing was moved.
#[track_caller]
fn moved_nothing(ran: &Ran, pairs: [&Pair; 2], words: &[&str]) {
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(1), ""), "{ran:?}");
    for word in words.iter().chain(&["nicon-resolve: plan is held back"]) {
        assert!(ran.stderr.contains(word), "\"{word}\" is not in {ran:?}");
    }
    for pair in pairs {
        assert!(links().contains(&pair.link), "{ran:?}");
    }
}

fn wires_a_lab(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pairs = [Pair::new(), Pair::new()];
    let expected = format!("  expected_pid: {}\n", lab.host_pid("setup.olt_1.lt_1")?);
    let plan = plan_of_two(lab, [&pairs[0], &pairs[1]], "setup.olt_1.lt_1", &expected)?;
    let moved = records(&suite.shell(PIPE, &plan));
    for (record, path, name) in [(&moved[0], "setup", &pairs[0].peer), (&moved[1], "setup.olt_1.lt_1", &pairs[1].peer)]
    {
        assert_eq!(
            (&record["target"], &record["nic"]["name"], &deed(record)["changed"]),
            (&json!(path), &json!(name), &json!(true))
        );
        assert_eq!(record["pid"], lab.host_pid(path)?);
        lab.exec(path, &["ip", "link", "show", "dev", name])?.ok()?;
    }
    // A second run changes nothing.
    assert!(records(&suite.shell(PIPE, &plan)).iter().all(|record| deed(record)["changed"] == false));
    for pair in &pairs {
        ip(&format!("link delete {}", pair.peer));
    }
    Ok(())
}

/// A plan that moves nothing says whether each container is the process that it is expected to be.
fn looks_for_containers(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (first, second) = (lab.host_pid("setup.olt_1")?, lab.host_pid("setup.olt_1.lt_1")?);
    let plan = |expected| {
        format!(
            "links:\n- {{inspect_ns: setup.olt_1, expected_pid: {first}}}\n- inspect_ns: setup.olt_1.lt_1\n  \
             expected_pid: {expected}\n"
        )
    };
    let found = records(&suite.shell("nicon-plan - | nicon-resolve", plan(second)));
    assert_eq!(found.iter().map(|record| &record["pid"]).collect::<Vec<_>>(), [&json!(first), &json!(second)]);
    let ran = suite.shell("nicon-plan - | nicon-resolve --pid", plan(second));
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(0), &format!("{first}\n{second}\n")[..]), "{ran:?}");
    let ran = suite.shell("nicon-plan - | nicon-resolve --pid", plan(first));
    let both = ran.stderr.contains(&second.to_string()) && ran.stderr.contains(&first.to_string());
    assert!(ran.code() == Some(1) && ran.stdout.is_empty() && both, "{ran:?}");
    Ok(())
}

/// Through the whole pipe: the link in the container has the attributes of the plan, according to `ip`.
fn links_get_their_attributes(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    // Docker switches IPv6 off in there.
    let (path, pairs, from) = ("setup.olt_1.lt_1", [Pair::new(), Pair::new()], Place::new());
    let net = format!("--net=/proc/{}/ns/net", lab.host_pid(path)?);
    let inside = |line: &str| {
        let mut ip = tool("nsenter");
        ip.arg(&net).arg("ip").args(line.split(' '));
        Ok::<_, Failed>(output_within(&mut ip, LIMIT)?.ok()?)
    };
    ip(&format!("link set {} netns {}", pairs[1].link, from.pid()));
    let attributes = &format!(
        "  addr: [192.0.2.2/24, 192.0.2.130/25]\n  gateway: 192.0.2.1\n  \
        route:\n  - 198.51.100.0/24,192.0.2.9\n  - 203.0.113.0/25\n  mtu: 1400\n  mac: 02:00:5e:00:53:41\n  \
        alias: up link\n  altname: {LONG}\n  keep: sysctl\n"
    );
    let down = format!("  from: {}\n  addr: 198.51.100.130/25\n  up: false\n", from.pid());
    let plan = format!("links:\n{}{}", wire(path, &pairs[0], attributes), wire(path, &pairs[1], &down));
    let moved = suite.shell(PIPE, &plan);
    assert!(records(&moved).iter().all(|record| deed(record)["changed"] == true), "{moved:?}");

    let there = one(&inside(&format!("-j -d addr show dev {}", pairs[0].peer))?);
    assert_eq!((&there["mtu"], &there["address"]), (&json!(1400), &json!("02:00:5e:00:53:41")), "{there}");
    assert_eq!((&there["ifalias"], &there["altnames"][0]), (&json!("up link"), &json!(LONG)), "{there}");
    for address in [("192.0.2.2", 24), ("192.0.2.130", 25)] {
        let has = |info: &Value| info["local"] == address.0 && info["prefixlen"] == address.1;
        assert!(there["addr_info"].as_array().is_some_and(|all| all.iter().any(has)), "{there}");
    }
    let routes: Value = serde_json::from_str(&inside(&format!("-j route show dev {}", pairs[0].peer))?)?;
    for (dst, gateway) in
        [("default", json!("192.0.2.1")), ("198.51.100.0/24", json!("192.0.2.9")), ("203.0.113.0/25", Value::Null)]
    {
        let is = |route: &Value| route["dst"] == dst && route["gateway"] == gateway;
        assert!(routes.as_array().is_some_and(|all| all.iter().any(is)), "{dst} is not in {routes}");
    }
    let there = one(&inside(&format!("-j addr show dev {}", pairs[1].peer))?);
    assert!(!there["flags"].as_array().ok_or("no flags")?.contains(&json!("UP")), "{there}");
    assert_eq!(there["addr_info"][0]["local"], "198.51.100.130", "{there}");

    records(&suite.feed(&["nicon-linkmv", "--undo"], &moved.stdout));
    assert!(links().contains(&pairs[0].link) && from.links().contains(&pairs[1].link));
    Ok(())
}

fn another_pid_than_expected(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (pairs, pid) = ([Pair::new(), Pair::new()], lab.host_pid("setup.olt_1")?);
    // The PID that the inner engine reports: a typical mistake, which the field is meant to catch.
    let inner = lab.docker("setup", &["inspect", "--format", "{{.State.Pid}}", "olt_1"])?.ok()?;
    let plan = plan_of_two(lab, [&pairs[0], &pairs[1]], "setup.olt_1", &format!("  expected_pid: {inner}\n"))?;
    let told = format!("setup.olt_1: its PID is {pid}, but {inner} was expected");
    moved_nothing(&suite.shell(PIPE, &plan), [&pairs[0], &pairs[1]], &["nicon-resolve: setup.olt_1: ", &told]);
    Ok(())
}

fn a_container_that_is_missing(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pairs = [Pair::new(), Pair::new()];
    let plan = plan_of_two(lab, [&pairs[0], &pairs[1]], "setup.nobody", "")?;
    moved_nothing(&suite.shell(PIPE, &plan), [&pairs[0], &pairs[1]], &["no container \"nobody\""]);
    Ok(())
}

fn each_link_for_itself(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pairs = [Pair::new(), Pair::new()];
    let plan = plan_of_two(lab, [&pairs[0], &pairs[1]], "setup.nobody", "")?;
    let ran = suite.shell("nicon-plan --each - | nicon-resolve | nicon-linkmv", &plan);
    assert_eq!((ran.code(), parse(&ran.stdout).len(), ran.stderr.lines().count()), (Some(1), 1, 1), "{ran:?}");
    assert!(!links().contains(&pairs[0].link) && links().contains(&pairs[1].link));
    ip(&format!("link delete {}", pairs[0].peer));
    Ok(())
}

fn several_plans(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let wrong = format!("{{\"target\":\"setup\",\"plan\":\"b\",\"expected_pid\":{}}}\n", lab.host_pid("setup")? + 1);
    let asked = |plan: &str| format!("{{\"target\":\"setup\",\"plan\":\"{plan}\"}}\n");
    let input = [&asked("a"), &asked("b"), &wrong, "setup\n", &asked("b"), "{\n", &asked("c")].concat();
    let ran = suite.feed(&["nicon-resolve"], input);
    let plans: Vec<_> = parse(&ran.stdout).iter().map(|record| record["plan"].clone()).collect();
    assert_eq!(plans, [json!("a"), json!(null), json!("c")], "{ran:?}");
    // A line that cannot be parsed may belong to the plan of the lines around it.
    let failed: Vec<_> = ran.stderr.lines().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(failed, ["setup", "b is held back", "line 6", "b is held back"], "{ran:?}");
    Ok(())
}

fn faults(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let plan = "links:\n- inspect_ns: setup\n  nic_tmp: veth0\n  nic_nam: eth1\n- inspect_ns: setup\n  nic_tmp: 1e3\n";
    let ran = suite.feed(&["nicon-plan", "-"], plan);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
    let expected = [
        "nicon-plan: standard input:4:3: unknown key \"nic_nam\": did you mean nic_name?",
        "nicon-plan: standard input:6:12: nic_tmp: expected text, found the number 1e3: write \"1e3\" in quotes",
    ];
    assert_eq!(ran.stderr.lines().collect::<Vec<_>>(), expected);
    let line = |n: usize| format!("x-{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "));
    let laughs =
        "x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned() + &(1..40).map(line).collect::<Vec<_>>().concat();
    for (plan, words) in [
        ("", "1:1: the plan is empty"),
        (&laughs, "the aliases (*) stand for more than 200000 values"),
        ("links: []\n---\nlinks: []\n", "2:1: a second YAML document"),
        ("links: []\nlinks: []\n", "2:1: duplicate key links (first on line 1)"),
        ("links:\n\t- a\n", "2:2: not YAML: tabs are not allowed for indentation"),
        ("links:\n- inspect_ns: \"a\\x1b[2J\"\n  nic_tmp: x\n", "2:15: inspect_ns: it contains"),
        ("links:\n- inspect_ns: a..b\n  nic_tmp: x\n", "2:15: inspect_ns: path \"a..b\": name 2 is empty"),
    ] {
        refusal(&suite.feed(&["nicon-plan"], plan), 2, &["nicon-plan: standard input:", words]);
        refusal(&suite.feed(&["nicon-plan", "-"], plan), 2, &["nicon-plan: standard input:", words]);
    }
    Ok(())
}

fn unreadable_plans(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    refusal(&suite.run(&["nicon-plan", "/nowhere/plan"]), 2, &["open /nowhere/plan: No such file or directory"]);
    refusal(&suite.run(&["nicon-plan", "/"]), 2, &["read /: Is a directory"]);
    refusal(&suite.feed(&["nicon-plan", "-"], b"links:\n- \xff\n"), 2, &["standard input:2: not valid UTF-8"]);
    // Endless input is refused.
    let mut endless = tool("sh");
    endless.args(["-c", "yes links | \"$1\" -", "sh"]).arg(suite.bins()?.join("nicon-plan"));
    refusal(&output_within(&mut endless, LIMIT)?, 2, &["larger than 16 MiB"]);
    Ok(())
}

fn each_record_tells_its_plan(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let plan =
        "name: ring\nlinks:\n- endpoints: [\"setup:w1\", \"host:w2\"]\n- {kind: dummy, endpoint: \"setup:d1\"}\n";
    let told = |ran: &Ran| -> Vec<Value> {
        records(ran).iter().map(|record| json!([record["plan"], record["plan_size"], record["plan_item"]])).collect()
    };
    let numbered: Vec<_> = (1..=3).map(|item| json!(["ring", 3, item])).collect();
    assert_eq!(told(&suite.feed(&["nicon-plan"], plan)), numbered);
    // All of them, or none, or each for itself.
    let wrong = plan.replace("\"setup:d1\"", "\"nobody:d1\"");
    let ran = suite.shell("nicon-plan | nicon-resolve", &wrong);
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(1), ""), "{ran:?}");
    assert!(ran.stderr.contains(": ring is held back: only 2 ") && ran.stderr.contains("nothing is done"), "{ran:?}");
    let ran = suite.shell("nicon-plan --each | nicon-resolve", &wrong);
    assert_eq!((ran.code(), parse(&ran.stdout).len()), (Some(1), 2), "{ran:?}");
    assert!(parse(&ran.stdout).iter().all(|record| record["each"] == true), "{ran:?}");
    Ok(())
}

/// A topology whose nodes are the containers of the lab.
fn topology(nodes: &[&str], links: &str) -> String {
    let nodes: Vec<_> = nodes.iter().map(|node| format!("    {node}: {{kind: linux, image: any}}\n")).collect();
    let nodes = nodes.concat();
    format!("name: lab\nprefix: \"\"\ntopology:\n  nodes:\n{nodes}  links:\n{links}")
}

/// Through the whole pipe: the ends of the pair are where the file says, according to `ip`.
fn a_topology_of_containerlab(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pair = Pair::new();
    ip(&format!("link delete {}", pair.link));
    let text = format!(
        "  - endpoints: [\"setup:{}\", \"host:{}\"]\n    mtu: 1400\n    ipv4: [192.0.2.1/30, \"\"]\n",
        pair.link, pair.peer
    );
    let pipe = "nicon-plan - | nicon-resolve | nicon-veth";
    let made = suite.shell(pipe, topology(&["setup"], &text));
    assert_eq!(records(&made).iter().map(|record| record["target"].clone()).collect::<Vec<_>>(), ["setup", "host"]);
    let there = lab.exec("setup", &["ip", "addr", "show", "dev", &pair.link])?.ok()?;
    assert!(there.contains("mtu 1400") && there.contains("192.0.2.1/30"), "{there}");
    assert!(links().contains(&pair.peer));
    records(&suite.feed(&["nicon-veth", "--undo"], &made.stdout));
    assert!(!links().contains(&pair.peer));
    Ok(())
}

/// A topology is wired as it is, a second run finds nothing to do, and nothing is left of it in the end.
fn a_topology_of_all_types(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (parent, names) = (Pair::new(), [Pair::new(), Pair::new(), Pair::new()]);
    let [[eth, eth_up], [port, port_up], [mac, vx]] = names.map(|pair| {
        ip(&format!("link delete {}", pair.link));
        [pair.link.clone(), pair.peer.clone()]
    });
    let below = &parent.link;
    let listed = format!(
        "  - endpoints: [\"setup:{eth}\", \"host:{eth_up}\"]\n  - endpoints: [\"br9|setup:{port}\", \"host:{port_up}\"]\n  \
         - endpoints: [\"setup:{mac}\", \"macvlan:{below}\"]\n  \
         - {{type: vxlan-stitch, endpoint: {{node: setup, interface: {vx}}}, vni: 7, remote: 192.0.2.9, parent-interface: {below}}}\n"
    );
    let bridge = "    br9|setup: {kind: bridge, network-mode: \"container:setup\"}\n  links:\n";
    let text = topology(&["setup"], &listed).replace("  links:\n", bridge);
    let wire = |options: &str| suite.shell(&format!("nicon-plan - | nicon-resolve | nicon-wire {options}"), &text);
    assert_eq!(records(&wire("")).len(), 9);
    let there: Value = serde_json::from_str(&lab.exec("setup", &["ip", "-j", "-d", "link"])?.ok()?)?;
    let of = |name: &str| there.as_array().into_iter().flatten().find(|link| link["ifname"] == name).ok_or("no link");
    let is = |name: &str, field: &str| Ok::<_, Failed>(of(name)?[field].clone());
    assert_eq!(
        (is(&eth, "mtu")?, is(&port, "master")?, is(&mac, "promiscuity")?),
        (json!(9500), json!("br9"), json!(1))
    );
    let stitched = one(&ip(&format!("-j -d link show vx-setup_{vx}")));
    assert_eq!(stitched["linkinfo"]["info_data"]["id"], 7, "{stitched}");
    let ran = wire("--check");
    assert_eq!((ran.code(), &ran.stdout[..]), (Some(0), ""), "{ran:?}");
    let ran = wire("--destroy");
    assert_eq!(ran.code(), Some(0), "{ran:?}");
    let left = lab.exec("setup", &["ip", "link"])?.ok()?;
    assert!([&eth, &port, &mac, &vx].iter().all(|name| !left.contains(*name)) && !left.contains("br9"), "{left}");
    let left = links();
    assert!(
        [eth_up, port_up, format!("ve-setup_{vx}"), format!("vx-setup_{vx}")].iter().all(|name| !left.contains(name)),
        "{left:?}"
    );
    ip(&format!("link delete {below}"));
    Ok(())
}

/// The host of a lab that an engine in a container runs is that container.
fn a_topology_in_a_container(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let text = topology(&["olt_1"], "  - endpoints: [\"olt_1:eth9\", \"host:up9\"]\n");
    let found = records(&suite.shell("nicon-plan --in setup - | nicon-resolve", text));
    let pids: Vec<_> = found.iter().map(|record| record["pid"].clone()).collect();
    assert_eq!(pids, [json!(lab.host_pid("setup.olt_1")?), json!(lab.host_pid("setup")?)]);
    // What a link is on lies there, too: it is looked up as all others are.
    let text = topology(&["olt_1"], "  - endpoints: [\"olt_1:eth9\", \"macvlan:eth0\"]\n");
    let found = &records(&suite.shell("nicon-plan --in setup - | nicon-resolve", &text))[0];
    assert_eq!((&found["from"]["target"], &found["from"]["pid"]), (&json!("setup"), &json!(lab.host_pid("setup")?)));
    let ran = suite.shell(
        "nicon-plan --in setup - | sed s/'{\"target\":\"setup\"}'/'{\"target\":\"nobody\"}'/ | nicon-resolve",
        &text,
    );
    refusal(&ran, 1, &["from nobody: ", "no container \"nobody\""]);
    let ran = suite.feed(&["nicon-plan", "--in", "host"], "");
    assert!(ran.code() == Some(2) && ran.stderr.contains("\"host\" is no container"), "{ran:?}");
    Ok(())
}

fn what_a_topology_asks_in_vain(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let links =
        "  - endpoints: [\"setup:eth8\", \"host:up8\"]\n  - endpoints: [\"setup:ethernet-1/1\", \"host:up9\"]\n";
    let text = topology(&["setup"], links);
    let fault =
        "nicon-plan: standard input:8:17: \"ethernet-1/1\" is not a link name: it contains '/': nicon does not know";
    let ran = suite.feed(&["nicon-plan"], &text);
    assert!(ran.code() == Some(2) && ran.stdout.is_empty() && ran.stderr.starts_with(fault), "{ran:?}");
    let ran = suite.feed(&["nicon-plan", "--each"], &text);
    assert!(ran.code() == Some(2) && ran.stderr.starts_with(fault) && ran.stderr.lines().count() == 1, "{ran:?}");
    let names: Vec<_> = parse(&ran.stdout).iter().map(|record| record["name"].clone()).collect();
    assert_eq!(names, ["eth8", "up8"]);
    // Variables come from the environment.
    let text = topology(
        &["setup"],
        "  - {type: macvlan, host-interface: \"${NIC:=ens3}\", endpoint: {node: setup, interface: m0}}\n",
    );
    let parent = |command: &str| records(&suite.shell(command, &text))[0]["parent"].clone();
    assert_eq!([parent("nicon-plan"), parent("NIC=ens9 nicon-plan")], ["ens3", "ens9"]);
    assert_eq!(records(&suite.feed(&["nicon-plan"], text.replace("macvlan, ", "macvlan, mtu: 14, ")))[0]["mtu"], 14);
    let template = format!("{text}{{{{ if .x }}}}\n");
    refusal(&suite.feed(&["nicon-plan"], template), 2, &["standard input:8:1: a Go template is not expanded"]);
    Ok(())
}
