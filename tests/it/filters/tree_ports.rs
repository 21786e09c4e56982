//! nicon-tree shows whose ports links are, as `ip` tells it, in every format.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, tool};
use serde_json::{Value, json};

use super::tree::tree;
use crate::support::expect::parse;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "filters::tree_ports::of_a_bridge_in_every_format", in_every_format),
        suite.trial_of_kernel(&[], "filters::tree_ports::whose_master_is_not_drawn", without_a_master),
        suite.trial_of_kernel(&[], "filters::tree_ports::more_than_a_column_has", in_columns),
        suite.trial("filters::tree_ports::of_the_host_and_where_their_other_ends_are", of_the_host),
    ]
}

/// What an expression finds in an image.
fn xpath(svg: &str, path: &str) -> Result<String, Failed> {
    Ok(output_of_input(tool("xmllint").args(["--xpath", path, "-"]), svg, LIMIT)?.ok()?)
}

/// What a bus joins, by the first line that is told of each: the master first.
fn joined(svg: &str) -> Result<Vec<Vec<String>>, Failed> {
    let count: usize = xpath(svg, "count(//*[@class='bus'])")?.parse()?;
    let ends = |bus: usize| -> Result<Vec<String>, Failed> {
        let ends = xpath(svg, &format!("string((//*[@class='bus'])[{bus}]/@data-ends)"))?;
        let name = |end: &str| -> Result<String, Failed> {
            let title = xpath(svg, &format!("string(//*[@id='{end}']/*[local-name()='title'])"))?;
            Ok(title.split_whitespace().next().ok_or("no name")?.to_owned())
        };
        ends.split(' ').map(name).collect()
    };
    (1..=count).map(ends).collect()
}

/// The names of those that `ip` tells as ports of a link.
fn ports(place: &Place, master: &str) -> Vec<String> {
    let told: Value = serde_json::from_str(&place.ip(&format!("-j link show master {master}"))).unwrap();
    told.as_array().unwrap().iter().map(|link| link["ifname"].as_str().unwrap().to_owned()).collect()
}

fn in_every_format(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    for line in [
        // A port is there before its bridge, and others lie between.
        "link add port1 type veth peer name eth1",
        "link add br4 type bridge",
        "link add other type veth peer name another",
        "link add port2 type veth peer name eth2",
        "link set port1 master br4",
        "link set port2 master br4",
    ] {
        place.ip(line);
    }
    let mut ports = ports(&place, "br4");
    ports.sort();
    assert_eq!(ports.len(), 2);
    let listed = suite.run(&["nicon-links", "-t", &place.pid().to_string()]).ok()?;

    let text = tree(suite, &["--links"], &listed).ok()?;
    for record in parse(&listed) {
        let name = record["nic"]["name"].as_str().ok_or("no name")?;
        let line = text.lines().find(|line| line.contains(&format!("\u{2500} {name} ")));
        // Loopback is left out of the tree.
        let Some(line) = line else {
            assert_eq!(name, "lo", "{text}");
            continue;
        };
        let told = one(&place.ip(&format!("-j link show dev {name}")));
        let master = line.split_once(" master ").map(|(_, rest)| rest.split(' ').next().unwrap());
        assert_eq!(master, told["master"].as_str(), "{line}");
    }
    for name in &ports {
        assert!(text.lines().any(|line| line.contains(name) && line.contains(" master br4 ")), "{text}");
    }

    let expected = [&["br4".to_owned()], &ports[..]].concat();
    let svg = tree(suite, &["--links", "--svg"], &listed).ok()?;
    let mut drawn = joined(&svg)?;
    drawn[0].sort();
    assert_eq!(drawn, [expected], "{svg}");
    assert!(svg.contains("<title>ports of br4 in ") && !svg.contains("master br4</text>"), "{svg}");
    assert!(tree(suite, &["--links", "--html"], &listed).ok()?.contains("<title>ports of br4 in "));

    let dot = tree(suite, &["--links", "--dot"], &listed).ok()?;
    let drawn = output_of_input(tool("dot").arg("-Tsvg"), &dot, LIMIT)?;
    assert_eq!((drawn.code(), &drawn.stderr[..]), (Some(0), ""), "{dot}");
    // The rows that an edge joins are known by the names that they begin with.
    let row = |end: &str| -> String {
        let mark = format!("port=\"{}\">", end.split(':').nth(1).unwrap());
        let (_, text) = dot.split_once(&mark).unwrap();
        text.trim_start_matches("&#160;").split('&').next().unwrap().to_owned()
    };
    let edges = dot.lines().filter(|line| line.contains("style=dotted"));
    let ends = edges.map(|line| line.split_once('[').unwrap().0.split("->").map(|end| row(end.trim())).collect());
    let ends: Vec<Vec<String>> = ends.collect();
    assert_eq!(ends.len(), ports.len(), "{dot}");
    assert!(ends.iter().all(|ends| ports.contains(&ends[0]) && ends[1] == "br4"), "{ends:?}");
    // None has an arrow: there is no other edge.
    assert_eq!(xpath(&drawn.stdout, "count(//*[@class='edge']/*[local-name()='polygon'])")?, "0");
    Ok(())
}

/// Where only the ports were listed, their rows say whose they are.
fn without_a_master(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    for line in ["link add br4 type bridge", "link add port1 type veth peer name eth1", "link set port1 master br4"] {
        place.ip(line);
    }
    let listed = suite.run(&["nicon-links", "-t", &place.pid().to_string(), "--kind=veth"]).ok()?;
    let svg = tree(suite, &["--links", "--svg"], &listed).ok()?;
    assert!(joined(&svg)?.is_empty() && svg.contains("master br4</text>"), "{svg}");
    assert!(tree(suite, &["--links"], &listed).ok()?.contains(" master br4 "));
    let dot = tree(suite, &["--links", "--dot"], &listed).ok()?;
    assert!(!dot.contains("style=dotted") && dot.contains("master&#160;br4"), "{dot}");
    Ok(())
}

/// A bridge with 60 ports, one of which is a bond, and links that say of one another that they are ports.
fn in_columns(suite: &Suite) -> Result<(), Failed> {
    let nic = |ifindex: usize, name: &str, master: Option<usize>| {
        let master = master.map(|ifindex| json!({"name": "m", "ifindex": ifindex}));
        let nic = json!({"name": name, "ifindex": ifindex, "netns": 7, "operstate": "UP", "master": master});
        json!({"target": "host", "nic": nic}).to_string() + "\n"
    };
    let mut input = nic(1, "br0", None) + &nic(2, "bond0", Some(1)) + &nic(3, "low0", Some(2));
    input.extend((11..=69).map(|ifindex| nic(ifindex, &format!("port{ifindex}"), Some(1))));
    input += &(nic(80, "hen", Some(81)) + &nic(81, "egg", Some(80)));
    let svg = tree(suite, &["--links", "--svg"], &input).ok()?;
    let all = joined(&svg)?;
    let of = |master: &str| -> Vec<String> {
        all.iter().filter(|bus| bus[0] == master).flat_map(|bus| bus[1..].to_vec()).collect()
    };
    let mut ports = of("br0");
    ports.sort();
    let expected: Vec<String> =
        ["bond0".to_owned()].into_iter().chain((11..=69).map(|at| format!("port{at}"))).collect();
    assert_eq!((ports, of("bond0"), of("hen")), (expected, vec!["low0".to_owned()], vec!["egg".to_owned()]));
    assert!(svg.contains(">\u{2026} br0</text>"), "{svg}");
    Ok(())
}

fn of_the_host(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let found = suite.run(&["nicon-resolve", "setup.olt_1"]).ok()?;
    // A run that failed may have left them.
    let bridge = "ip link delete bt0; ip link delete pt0; ip link add bt0 type bridge; ip link set bt0 up";
    output_of_input(tool("sh").args(["-c", bridge]), "", LIMIT)?.ok()?;
    suite.feed(&["nicon-veth", "-t", "host", "pt0", "et0", "--master", "bt0"], &found).ok()?;
    lab.exec("setup.olt_1", &["ip", "link", "show", "dev", "et0"])?.ok()?;
    // In one listing, and in two, of which the first does not know what containers there are.
    let together = suite.shell("nicon-resolve host setup.olt_1 | nicon-links", "").ok()?;
    let apart = suite.shell("nicon-links -t host; nicon-resolve setup.olt_1 | nicon-links", "").ok()?;
    assert!(apart.contains(r#""name":"et0","ifindex":"#) && apart.contains(r#""target":null"#), "{apart}");
    for listed in [together, apart] {
        let text = tree(suite, &["--links"], &listed).ok()?;
        let line = text.lines().find(|line| line.contains(" pt0 ")).ok_or("no port")?;
        assert!(line.contains(" master bt0 ") && line.ends_with("\u{2194} et0 in setup.olt_1"), "{line}");
        let dot = tree(suite, &["--links", "--dot"], &listed).ok()?.replace("&#160;", " ");
        assert!(dot.contains("\u{2194} et0 in setup.olt_1"), "{dot}");
        let svg = tree(suite, &["--links", "--svg"], &listed).ok()?;
        assert!(svg.contains("peer et0 in setup.olt_1") && svg.contains("ports of bt0 in host: "), "{svg}");
    }
    output_of_input(tool("ip").args(["link", "delete", "bt0"]), "", LIMIT)?.ok()?;
    output_of_input(tool("ip").args(["link", "delete", "pt0"]), "", LIMIT)?.ok()?;
    Ok(())
}
