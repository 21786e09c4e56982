//! nicon-veth makes a whole pair, or nothing.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool};
use serde_json::{Value, json};

use crate::support::expect::{deed, parse, records, refusal};
use crate::support::killed;
use crate::support::links::{Pair, Place, ip, links, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("links::veth::wires_containers_of_different_daemons", wires_containers_of_different_daemons),
        suite.trial_of_kernel(&[], "links::veth::each_end_as_told", each_end_as_told),
        suite.trial_of_kernel(&[], "links::veth::ports_of_bridges", ports_of_bridges),
        suite.trial_of_kernel(&[], "links::veth::the_pair_or_nothing", the_pair_or_nothing),
        suite.trial_of_kernel(&[], "links::veth::twice_is_once", twice_is_once),
        suite.trial_of_kernel(&[], "links::veth::many_pairs", many_pairs),
        suite.trial_of_kernel(&[], "links::veth::one_end_here", one_end_here),
        suite.trial_of_kernel(&[], "links::veth::killed_at_each_call", killed_at_each_call),
    ]
}

fn veth(suite: &Suite, places: [&Place; 2], words: &[&str]) -> Ran {
    let pids = places.map(|place| place.pid().to_string());
    suite.run(&[&["nicon-veth", "-t", &pids[0], "-t", &pids[1]], words].concat())
}

fn wires_containers_of_different_daemons(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("setup", "wired", &[])?;
    let found = suite.run(&["nicon-resolve", "setup.olt_1.lt_1", "setup.wired"]).ok()?;
    let words = ["nicon-veth", "w1", "w2", "--addr=192.0.2.1/30", "--peer-addr=192.0.2.2/30"];
    let made = records(&suite.feed(&words, &found));
    assert_eq!((&made[0]["target"], &made[1]["target"]), (&json!("setup.olt_1.lt_1"), &json!("setup.wired")));
    for (path, name, record) in [("setup.olt_1.lt_1", "w1", &made[0]), ("setup.wired", "w2", &made[1])] {
        let there = one(&lab.exec(path, &["ip", "-j", "link", "show", "dev", name])?.ok()?);
        let nic = &record["nic"];
        assert_eq!((&nic["ifindex"], &nic["mac"]), (&there["ifindex"], &there["address"]));
        assert_eq!(there["operstate"], "UP", "{there}");
        assert_eq!(record["hops"].as_array().map(Vec::len), Some(path.split('.').count()), "passes through");
    }
    assert_eq!(made[0]["nic"]["peer"]["ifindex"], made[1]["nic"]["ifindex"]);
    assert_eq!(made[0]["nic"]["peer"]["target"], "setup.wired");
    assert_eq!((&deed(&made[0])["id"], &deed(&made[0])["by"]), (&deed(&made[1])["id"], &json!("nicon-veth")));
    let net = format!("--net=/proc/{}/ns/net", lab.host_pid("setup.olt_1.lt_1")?);
    output_within(tool("nsenter").args([&net, "ping", "-c1", "-W5", "192.0.2.2"]), LIMIT)?.ok()?;
    Ok(lab.remove("setup", "wired")?)
}

fn each_end_as_told(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new()];
    let words = [
        "left",
        "right",
        "--addr=192.0.2.1/24",
        "--addr=2001:db8::1/64",
        "--peer-addr=192.0.2.2/24",
        "--mac=02:00:5e:00:53:01",
        "--peer-mac=02:00:5e:00:53:02",
        "--mtu=1400",
        "--peer-mtu=1300",
    ];
    records(&veth(suite, places.each_ref(), &words));
    for (place, name, mac, mtu, addresses) in [
        (&places[0], "left", "02:00:5e:00:53:01", 1400, vec!["192.0.2.1/24", "2001:db8::1/64"]),
        (&places[1], "right", "02:00:5e:00:53:02", 1300, vec!["192.0.2.2/24"]),
    ] {
        place.rest();
        let there = one(&place.ip(&format!("-j addr show dev {name}")));
        assert_eq!((&there["address"], &there["mtu"], &there["operstate"]), (&json!(mac), &json!(mtu), &json!("UP")));
        assert_eq!(given(&there), addresses, "{there}");
    }
    Ok(())
}

/// The addresses of a link, without the one that IPv6 gives it by itself.
fn given(link: &Value) -> Vec<String> {
    let infos = link["addr_info"].as_array().unwrap().iter().filter(|info| info["scope"] != "link");
    infos.map(|info| format!("{}/{}", info["local"].as_str().unwrap(), info["prefixlen"])).collect()
}

fn ports_of_bridges(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new()];
    let wire = |words: &[&str]| veth(suite, places.each_ref(), words);
    let master = |place: &Place, name: &str| one(&place.ip(&format!("-j link show dev {name}")))["master"].clone();
    places[0].ip("link add br0 type bridge");
    refusal(&wire(&["eth1", "eth2", "--peer-master=br0"]), 1, &["master: no link br0 in process"]);
    // The kernel takes the pair, and then refuses the second end's master.
    places[1].ip("link add plain type veth peer name other");
    refusal(&wire(&["eth1", "eth2", "--master=br0", "--peer-master=plain"]), 2, &["set up eth2 in process"]);
    assert_eq!(places.each_ref().map(|place| place.links().len()), [2, 3]);

    assert_eq!(deed(&records(&wire(&["eth1", "eth2", "--master=br0"]))[0])["changed"], true);
    assert_eq!((master(&places[0], "eth1"), master(&places[1], "eth2")), (json!("br0"), Value::Null));
    assert_eq!(deed(&records(&wire(&["eth1", "eth2", "--master=br0"]))[0])["changed"], false);
    places[0].ip("link set eth1 nomaster");
    assert_eq!(deed(&records(&wire(&["eth1", "eth2", "--master=br0"]))[0])["changed"], true);
    assert_eq!(master(&places[0], "eth1"), "br0");

    let end = |place: &Place, name: &str| json!({"pid": place.pid(), "pair": "p", "name": name, "master": "br0"});
    places[1].ip("link add br0 type bridge");
    let both = [end(&places[0], "eth3"), end(&places[1], "eth4")].map(|record| record.to_string()).join("\n");
    records(&suite.feed(&["nicon-veth"], both));
    assert_eq!((master(&places[0], "eth3"), master(&places[1], "eth4")), (json!("br0"), json!("br0")));
    Ok(())
}

fn the_pair_or_nothing(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new()];
    places[1].ip("link add taken type bridge");
    let before = places.each_ref().map(|place| place.ip("-j -d addr"));
    let wire = |words: &[&str]| veth(suite, places.each_ref(), words);
    refusal(&wire(&["eth1", "taken"]), 1, &["nicon-veth: taken already exists in process"]);
    refusal(&wire(&["lo", "eth2"]), 1, &["lo already exists in process"]);
    refusal(&wire(&["eth1", "eth2", "--mtu=70000"]), 2, &["MTU 70000 is out of range for a veth"]);
    refusal(&wire(&["eth1", "eth2", "--mtu=1400", "--peer-mtu=17"]), 2, &["MTU 17 is out of range for a veth"]);
    // The kernel takes the pair, and then refuses the second end's address.
    refusal(&wire(&["eth1", "eth2", "--addr=192.0.2.1/24", "--peer-addr=ff02::1/64"]), 2, &["ff02::1/64", "eth2"]);
    for words in [["a/b", "eth2", "-J"], ["eth1", "eth%d", "-J"], ["eth1", "eth2", "--mac=01:00:5e:00:00:01"]] {
        let ran = wire(&words);
        assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
    }
    refusal(&veth(suite, [&places[0], &places[0]], &["same", "same"]), 2, &["both ends would be called same"]);
    let pid = json!({"pid": places[0].pid()}).to_string();
    let alone = suite.feed(&["nicon-veth", "eth1", "eth2"], &pid);
    refusal(&alone, 2, &["2 ends needed, 1 given: one of the containers may be missing; pipe in two records"]);
    let three = [&pid[..], &pid, &pid].join("\n");
    refusal(&suite.feed(&["nicon-veth", "eth1", "eth2"], three), 2, &["2 ends needed, 3 given: pipe in two records"]);
    assert_eq!(places.each_ref().map(|place| place.ip("-j -d addr")), before);
    Ok(())
}

fn twice_is_once(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new()];
    let words = ["eth1", "eth2", "--addr=192.0.2.1/24"];
    assert_eq!(deed(&records(&veth(suite, places.each_ref(), &words))[0])["changed"], true);
    let state = || {
        places.iter().for_each(Place::rest);
        places.each_ref().map(|place| place.ip("-j addr"))
    };
    let before = state();
    assert_eq!(deed(&records(&veth(suite, places.each_ref(), &words))[0])["changed"], false);
    assert_eq!(state(), before);
    // What the pair lacks is added.
    places[1].ip("link set eth2 down");
    let again = ["eth1", "eth2", "--addr=192.0.2.1/24", "--peer-addr=192.0.2.2/24", "--peer-mtu=1400"];
    assert_eq!(deed(&records(&veth(suite, places.each_ref(), &again))[1])["changed"], true);
    places[1].rest();
    let there = one(&places[1].ip("-j addr show dev eth2"));
    assert_eq!((&there["operstate"], &there["mtu"]), (&json!("UP"), &json!(1400)));
    assert_eq!(given(&there), ["192.0.2.2/24"]);
    // Two links of these names that are not one pair are somebody else's.
    let others = [Place::new(), Place::new()];
    for (place, name) in others.iter().zip(["eth1", "eth2"]) {
        place.ip(&format!("link add {name} type veth peer name other"));
    }
    refusal(&veth(suite, others.each_ref(), &words), 1, &["eth1 already exists in process"]);
    // Nor is a pair whose far end lies in a third place, even where the numbers agree.
    let third = Place::new();
    third.ip("link add eth2 index 77 type veth peer name eth2x");
    refusal(&veth(suite, [&places[0], &third], &words), 1, &["eth1 already exists in process"]);
    // Nor are ends of two pairs that never leave their places, which know nothing of each other, even where all numbers agree.
    let strangers = [Place::new(), Place::new()];
    strangers[0].ip("link add eth1 index 7 type veth peer name other index 8");
    strangers[1].ip("link add eth2 index 8 type veth peer name other index 7");
    refusal(&veth(suite, strangers.each_ref(), &words), 1, &["eth1 already exists in process"]);
    Ok(())
}

fn many_pairs(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new(), Place::new()];
    let end = |place: usize, pair: &str, name: &str| json!({"pid": places[place].pid(), "pair": pair, "name": name});
    let input = [
        end(0, "x", "x0"),
        end(1, "y", "y1"),
        end(2, "x", "x2"),
        json!({"pid": places[0].pid(), "name": "alone"}),
        end(1, "z", "lo"),
        json!({"pid": places[2].pid(), "pair": "y", "name": "y2", "addr": ["192.0.2.9/24"], "mtu": 1400, "note": 1}),
        end(2, "z", "z2"),
        end(2, "no-other", "n2"),
    ];
    let ran = suite.feed(&["nicon-veth"], input.map(|record| record.to_string()).join("\n"));
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    let made = parse(&ran.stdout);
    // One that names no pair asks for nothing.
    let names = [json!("x0"), json!("x2"), Value::Null, json!("y1"), json!("y2")];
    assert_eq!(made.iter().map(|record| record["nic"]["name"].clone()).collect::<Vec<_>>(), names);
    assert_eq!((&made[2], &made[4]["note"]), (&json!({"pid": places[0].pid(), "name": "alone"}), &json!(1)));
    let told: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(told.len(), 2, "{told:?}");
    for ((line, number), words) in told.iter().zip([7, 8]).zip(["lo already exists", "no other end"]) {
        assert!(line.starts_with(&format!("nicon-veth: line {number}: ")) && line.contains(words), "{told:?}");
    }
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(places.each_ref().map(Place::links), [vec!["lo", "x0"], vec!["lo", "y1"], vec!["lo", "x2", "y2"]]);
    let y2 = one(&places[2].ip("-j addr show dev y2"));
    assert_eq!((given(&y2), &y2["mtu"]), (vec!["192.0.2.9/24".to_owned()], &json!(1400)));
    Ok(())
}

fn one_end_here(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let name = format!("h{}", Pair::new().link);
    let pid = json!({"pid": place.pid()}).to_string();
    let made = records(&suite.feed(&["nicon-veth", "-t", "host", &name, "eth1"], pid));
    assert_eq!((&made[0]["target"], &made[1]["nic"]["name"]), (&json!("host"), &json!("eth1")));
    assert!(links().contains(&name));
    assert_eq!(one(&ip(&format!("-j link show dev {name}")))["operstate"], "UP");
    assert_eq!(place.links(), ["lo", "eth1"]);
    drop(place);
    let mut short = tool("true").spawn()?;
    short.wait()?;
    let gone = suite.run(&["nicon-veth", "-t", "host", "-t", &short.id().to_string(), "never", "eth1"]);
    refusal(&gone, 1, &["no process has PID"]);
    assert!(!links().contains(&"never".to_owned()));
    Ok(())
}

/// Whatever call it dies at, there is no pair, or the same command makes it whole.
fn killed_at_each_call(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new()];
    let pids = places.each_ref().map(|place| place.pid().to_string());
    let ends = ["eth1", "eth2", "--addr=192.0.2.1/24", "--peer-addr=192.0.2.2/24"];
    let words = [&["nicon-veth", "-t", &pids[0], "-t", &pids[1]][..], &ends].concat();
    let mut halves = 0;
    let kills = killed::at_each_call(suite, (&words, "", 0), || {
        let left = places.each_ref().map(|place| place.links().len());
        assert!(left == [1, 1] || left == [2, 2], "half a pair: {left:?}");
        halves += usize::from(left == [2, 2]);
        records(&suite.run(&words));
        for (place, name, address) in [(&places[0], "eth1", "192.0.2.1/24"), (&places[1], "eth2", "192.0.2.2/24")] {
            place.rest();
            let there = one(&place.ip(&format!("-j addr show dev {name}")));
            assert_eq!((&there["operstate"], given(&there)), (&json!("UP"), vec![address.to_owned()]));
        }
        places[0].ip("link del eth1");
        Ok(())
    })?;
    assert!(kills > 10 && halves > 5, "{kills} kills, {halves} of them left a pair");
    Ok(())
}
