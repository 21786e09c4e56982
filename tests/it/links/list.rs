//! nicon-links tells of links what `ip` tells, and besides who is wired to whom.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, becomes, output_within, tool};
use serde_json::{Value, json};

use crate::support::expect::{is_process, parse, record, records, refusal};
use crate::support::kernel::is_linux;
use crate::support::links::{Place, ip, one};
use crate::support::subject::{Subject, answers};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::list::every_field_as_ip_tells_it", every_field_as_ip_tells_it),
        suite.trial_of_kernel(&[], "links::list::who_is_wired_to_whom", who_is_wired_to_whom),
        suite.trial("links::list::containers_by_name", containers_by_name),
        suite.trial_of_kernel(&[], "links::list::one_kind", one_kind),
        suite.trial_of_kernel(&[], "links::list::by_name_and_by_file", by_name_and_by_file),
        suite.trial_of_kernel(&[], "links::list::all_namespaces", all_namespaces),
        suite.trial_of_kernel(
            &[],
            "links::list::a_peer_that_goes_while_it_is_listed",
            a_peer_that_goes_while_it_is_listed,
        ),
        suite.trial_of_kernel(&[], "links::list::all_while_links_come_and_go", all_while_links_come_and_go),
        suite.trial_of_kernel(&[], "links::list::counters", counters),
        suite.trial_of_kernel(&[], "links::list::a_narrow_table", a_narrow_table),
        suite.trial_of_kernel(&[], "links::list::whose_port_it_is", whose_port_it_is),
    ]
}

fn of(place: &Place, suite: &Suite, words: &[&str]) -> Vec<Value> {
    records(&suite.run(&[&["nicon-links", "-t", &place.pid().to_string()], words].concat()))
}

fn sorted(value: &Value) -> Vec<String> {
    let mut items: Vec<String> = value.as_array().into_iter().flatten().map(Value::to_string).collect();
    items.sort();
    items
}

fn every_field_as_ip_tells_it(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    for line in [
        "link add br0 type bridge",
        "link add v0 mtu 1400 type veth peer name v1",
        "link set v0 master br0 up alias uplink",
        "link property add dev v0 altname first altname second-and-longer-than-fifteen",
        "link add m0 link v1 address 02:00:5e:00:53:09 type macvlan",
        "link add vx type vxlan id 7 dstport 4789",
        "link set br0 up",
        "link set v1 promisc on",
        "addr add 192.0.2.1/24 dev br0",
        "addr add 2001:db8::1/64 dev br0 nodad",
    ] {
        place.ip(line);
    }
    place.rest();
    let told = of(&place, suite, &[]);
    let ips: Vec<Value> = serde_json::from_str(&place.ip("-j -d addr"))?;
    assert_eq!(told.len(), ips.len());
    assert_eq!(ips.len(), 6);
    for ip in ips {
        let told = told.iter().find(|told| told["nic"]["ifindex"] == ip["ifindex"]).ok_or(format!("no {ip}"))?;
        assert_eq!(told["nic"]["name"], ip["ifname"]);
        assert_eq!(told["nic"]["kind"], ip["linkinfo"]["info_kind"], "{ip}");
        assert_eq!((&told["nic"]["mac"], &told["nic"]["mtu"]), (&ip["address"], &ip["mtu"]));
        assert_eq!(told["nic"]["operstate"], ip["operstate"], "{ip}");
        let mut flags = ip["flags"].clone();
        // What `ip` adds of its own where the lower link of another is down.
        flags.as_array_mut().ok_or("no flags")?.retain(|flag| flag != "M-DOWN");
        assert_eq!(sorted(&told["nic"]["flags"]), sorted(&flags), "{ip}");
        assert_eq!(told["nic"]["master"]["name"], ip["master"]);
        assert_eq!(told["nic"]["alias"], ip.get("ifalias").cloned().unwrap_or(json!("")));
        assert_eq!(sorted(&told["nic"]["altnames"]), sorted(&ip["altnames"]));
        let infos = ip["addr_info"].as_array().ok_or("no addresses")?.iter();
        let addresses: Vec<_> =
            infos.map(|info| json!(format!("{}/{}", info["local"].as_str().unwrap(), info["prefixlen"]))).collect();
        assert_eq!(sorted(&told["nic"]["addresses"]), sorted(&json!(addresses)));
        let bound = ["lo", "br0"].contains(&ip["ifname"].as_str().ok_or("no name")?);
        let movable = &told["nic"]["movable"];
        // Older kernels tell it of nothing, and of the loopback it is known.
        let is_unknown = !is_linux(6, 15) && ip["ifname"] != "lo";
        assert!(if is_unknown { movable.is_null() } else { *movable == !bound }, "{movable} {ip}");
        is_process(told, place.pid());
        assert_eq!(told["nic"]["netns"], place.netns());
        assert_eq!(told["nic"].get("stats"), None);
    }
    Ok(())
}

fn who_is_wired_to_whom(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new(), Place::new()];
    let pids = places.each_ref().map(Place::pid);
    places[0].ip(&format!("link add a1 type veth peer name b1 netns {}", pids[1]));
    places[0].ip(&format!("link add a2 type veth peer name c2 netns {}", pids[2]));
    places[0].ip("link add a3 type veth peer name a4");
    places[0].ip("link add bri type bridge");
    let ask = |place: usize, name: &str| json!({"pid": pids[place], "target": name}).to_string();
    let told = records(&suite.feed(&["nicon-links"], [ask(0, "first"), ask(1, "second")].join("\n")));
    let index =
        |place: usize, name: &str| one(&places[place].ip(&format!("-j link show dev {name}")))["ifindex"].clone();
    let peer = |target: &str, name: &str| {
        let link = told.iter().find(|told| told["target"] == target && told["nic"]["name"] == name);
        link.unwrap_or_else(|| panic!("no {name} in {told:?}"))["nic"]["peer"].clone()
    };
    let netns = places.each_ref().map(Place::netns);
    for (target, name, expected) in [
        ("first", "a1", json!({"name":"b1","ifindex":index(1, "b1"),"netns":netns[1],"target":"second"})),
        ("second", "b1", json!({"name":"a1","ifindex":index(0, "a1"),"netns":netns[0],"target":"first"})),
        ("first", "a3", json!({"name":"a4","ifindex":index(0, "a4"),"netns":netns[0],"target":"first"})),
        // Nobody asked for the third place: it is found, but has no name.
        ("first", "a2", json!({"name":"c2","ifindex":index(2, "c2"),"netns":netns[2],"target":null})),
        ("first", "bri", Value::Null),
    ] {
        assert_eq!(peer(target, name), expected, "{name}");
    }
    let table = output_within(
        tool("script").args([
            "-qec",
            &format!("{}/nicon-links -t {} -t {}", suite.bins()?.display(), pids[0], pids[1]),
            "/dev/null",
        ]),
        LIMIT,
    )?;
    let line = table.stdout.lines().find(|line| line.contains(" a1 ")).ok_or(format!("{table:?}"))?;
    assert!(line.contains(&format!("b1 in process {}", pids[1])), "{line}");
    Ok(())
}

fn containers_by_name(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let found = suite.run(&["nicon-resolve", "setup", "setup.olt_1.lt_1"]).ok()?;
    records(&suite.feed(&["nicon-veth", "listed1", "listed2"], &found));
    let told = records(&suite.feed(&["nicon-links", "--kind", "veth"], &found));
    let mine: Vec<&Value> =
        told.iter().filter(|told| told["nic"]["name"].as_str().unwrap().starts_with("listed")).collect();
    assert_eq!(mine.len(), 2, "{told:?}");
    assert_eq!(
        (&mine[0]["nic"]["peer"]["target"], &mine[0]["nic"]["peer"]["name"]),
        (&json!("setup.olt_1.lt_1"), &json!("listed2"))
    );
    assert_eq!(
        (&mine[1]["nic"]["peer"]["target"], &mine[1]["nic"]["peer"]["name"]),
        (&json!("setup"), &json!("listed1"))
    );
    is_process(mine[0], lab.host_pid("setup")?);
    lab.exec("setup", &["ip", "link", "del", "listed1"])?.ok()?;
    Ok(())
}

/// The kernel is asked for one kind alone, and a kind that it does not know leaves nothing.
fn one_kind(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    place.ip("link add v0 type veth peer name v1");
    place.ip("link add br0 type bridge");
    let names = |kind: &str| {
        of(&place, suite, &["-k", kind]).iter().map(|told| told["nic"]["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("veth"), ["v1", "v0"]);
    assert_eq!(names("bridge"), ["br0"]);
    assert!(names("no-such-kind").is_empty());
    let target = place.pid().to_string();
    let mut strace = tool("strace");
    strace.args(["-f", "-qq", "-xx", "-e", "trace=recvfrom"]).arg(suite.bins()?.join("nicon-links"));
    let ran = output_within(strace.args(["-t", &target, "-k", "bridge"]), LIMIT)?;
    ran.ok()?;
    let hex = |name: &str| name.bytes().fold(String::new(), |text, byte| format!("{text}\\x{byte:02x}"));
    assert!(ran.stderr.contains(&hex("br0")) && !ran.stderr.contains(&hex("v0\0")), "{}", ran.stderr);
    Ok(())
}

fn by_name_and_by_file(suite: &Suite) -> Result<(), Failed> {
    ip("netns add blue");
    ip("-n blue link add only-in-blue type bridge");
    for name in ["blue", "/run/netns/blue"] {
        let told = records(&suite.run(&["nicon-links", "--netns", name, "-k", "bridge"]));
        assert_eq!((&told[0]["nic"]["name"], &told[0]["target"]), (&json!("only-in-blue"), &json!("netns:blue")));
        assert_eq!(told.len(), 1);
    }
    refusal(&suite.run(&["nicon-links", "-n", "no-such"]), 1, &["no network namespace is called \"no-such\""]);
    refusal(&suite.run(&["nicon-links", "-n", "/etc/passwd"]), 2, &["/etc/passwd is not a network namespace"]);
    let ours = records(&suite.run(&["nicon-links", "-t", "host"]));
    let names: Vec<Value> = ours.iter().map(|told| told["nic"]["name"].clone()).collect();
    assert!(names.contains(&json!("lo")) && !names.contains(&json!("only-in-blue")), "{names:?}");
    ip("netns del blue");
    Ok(())
}

fn all_namespaces(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new()];
    ip("netns add red");
    let ran = suite.run(&["nicon-links", "--all"]);
    // Of namespaces of other tests that end meanwhile, others may have the numbers before the list is complete.
    let loopbacks: Vec<Value> = answers(&ran).into_iter().filter(|told| told["nic"]["name"] == "lo").collect();
    for place in &places {
        let there: Vec<_> = loopbacks.iter().filter(|told| told["nic"]["netns"] == place.netns()).collect();
        assert_eq!(there.len(), 1, "each namespace once: {loopbacks:?}");
        is_process(there[0], place.pid());
    }
    for target in ["host", "netns:red"] {
        assert_eq!(loopbacks.iter().filter(|told| told["target"] == target).count(), 1, "{target}: {loopbacks:?}");
    }
    ip("netns del red");
    Ok(())
}

/// Between the list and the look at the other end, that end goes with its whole namespace.
fn a_peer_that_goes_while_it_is_listed(suite: &Suite) -> Result<(), Failed> {
    let (place, other) = (Place::new(), Place::new());
    place.ip(&format!("link add near type veth peer name far netns {}", other.pid()));
    place.ip("link add left type veth peer name right");
    let mut command = suite.command("nicon-links")?;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or("no pipe")?;
    // Whoever complains of the second line has listed what the first asks for, and tells of it when there are no more lines.
    writeln!(stdin, "{}\n{{}}", json!({"pid": place.pid()}))?;
    let mut complaint = String::new();
    let mut stderr = BufReader::new(child.stderr.take().ok_or("no pipe")?);
    stderr.read_line(&mut complaint)?;
    assert!(complaint.contains("line 2"), "{complaint}");
    place.ip("link del left");
    drop(other);
    becomes(|| place.links(), &vec!["lo".to_owned()]);
    drop(stdin);
    let ended = child.wait_with_output()?;
    assert_eq!(std::io::read_to_string(stderr)?, "");
    assert_eq!(ended.status.code(), Some(2), "of the second line");
    let told = parse(&String::from_utf8(ended.stdout)?);
    let near = told.iter().find(|told| told["nic"]["name"] == "near").ok_or("an end is missing")?;
    assert_eq!((told.len(), &near["nic"]["peer"]), (4, &Value::Null), "{told:?}");
    Ok(())
}

/// What vanishes while it is looked at, and whose other end vanishes, fails nothing.
fn all_while_links_come_and_go(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let pairs = format!(
        "ip link add s0 type veth peer name s1 && ip link del s0
         nsenter --net=/proc/{}/ns/net ip link add s2 type veth peer name s3 netns $$ && ip link del s3",
        place.pid()
    );
    // A namespace that no process is in is kept by nobody but its name.
    let names = "ip netns add restless; ip link add s4 type veth peer name s5 netns restless; ip netns del restless";
    let storm = |lines: &str| Subject::start(&["--net"], &format!("echo ready; while :; do {lines}; done 2>/dev/null"));
    let _storms = [storm(&pairs), storm(names)];
    for round in 0..100 {
        let ran = suite.run(&["nicon-links", "--all"]);
        // That some may be missing is no fault.
        let no_fault =
            |line: &&str| ["come and go too fast", "may be incomplete"].iter().any(|part| line.contains(part));
        let faults: Vec<&str> = ran.stderr.lines().filter(|line| !no_fault(line)).collect();
        assert!(faults.is_empty(), "round {round}: {faults:?}");
        let told = parse(&ran.stdout);
        assert!(
            told.iter().any(|told| told["nic"]["name"] == "lo" && told["nic"]["netns"] == place.netns()),
            "{ran:?}"
        );
    }
    Ok(())
}

fn counters(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    place.ip("link set lo up");
    let net = format!("--net=/proc/{}/ns/net", place.pid());
    output_within(tool("nsenter").args([&net, "ping", "-c1", "127.0.0.1"]), LIMIT)?.ok()?;
    let told = record(&suite.run(&["nicon-links", "-s", "-t", &place.pid().to_string()]));
    let ip = one(&place.ip("-j -s link show dev lo"));
    for side in ["rx", "tx"] {
        for counter in ["bytes", "packets", "errors", "dropped"] {
            assert_eq!(told["nic"]["stats"][side][counter], ip["stats64"][side][counter], "{side} {counter}");
        }
    }
    assert!(told["nic"]["stats"]["rx"]["packets"].as_u64() >= Some(2), "{told}");
    Ok(())
}

/// What a terminal of 80 columns cuts off is what is asked for least.
fn a_narrow_table(suite: &Suite) -> Result<(), Failed> {
    let (place, other) = (Place::new(), Place::new());
    let (pid, other_pid) = (place.pid(), other.pid());
    place.ip(&format!("link add narrow0 type veth peer name narrow1 netns {other_pid}"));
    place.ip("addr add 192.0.2.1/24 dev narrow0");
    let ran = suite.at_terminal(80, &format!("nicon-links -t {pid} -t {other_pid} --kind veth"));
    let row = ran.stdout.lines().find(|line| line.contains(" narrow0 ")).ok_or("no row")?;
    assert!(row.contains(" narrow1 in ") && row.contains(" 192.0.2.1/24"), "{ran:?}");
    Ok(())
}

/// A table has a column for masters where a link has one. It stands before what a terminal cuts off.
fn whose_port_it_is(suite: &Suite) -> Result<(), Failed> {
    let (place, other) = (Place::new(), Place::new());
    place.ip(&format!("link add port0 type veth peer name eth0 netns {}", other.pid()));
    let table =
        |words: &str| suite.at_terminal(80, &format!("nicon-links -t {} -t {} {words}", place.pid(), other.pid()));
    assert!(!table("").stdout.contains("MASTER"), "{:?}", table(""));
    for line in ["link add br0 type bridge", "link set port0 master br0"] {
        place.ip(line);
    }
    for words in ["", "-o wide"] {
        let ran = table(words);
        let mut lines = ran.stdout.lines();
        let heading = lines.next().ok_or("no heading")?;
        let column = |title: &str| heading.find(title).unwrap_or_else(|| panic!("no {title} in {ran:?}"));
        let rows: Vec<[&str; 3]> = lines
            .map(|line| ["NAME", "MASTER", "PEER"].map(|title| line[column(title)..].split("  ").next().unwrap()))
            .collect();
        for (name, links) in [("port0", &place), ("br0", &place), ("eth0", &other)] {
            let row = rows.iter().find(|row| row[0] == name).ok_or(format!("no {name} in {ran:?}"))?;
            let told = one(&links.ip(&format!("-j link show dev {name}")))["master"].clone();
            assert_eq!(row[1], told.as_str().unwrap_or("-"), "{ran:?}");
            assert_eq!(row[2].contains(" in process "), name != "br0", "{ran:?}");
        }
    }
    assert!(!table("--kind bridge").stdout.contains("MASTER"));
    Ok(())
}
