//! nicon-linkmv between any two namespaces, and links by whatever they are known by.

use std::path::Path;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, becomes, output_within, tool};
use serde_json::{Value, json};

use crate::links::undo::{furnished, settles_as};
use crate::support::expect::{self, deed, not_undone, record, refusal};
use crate::support::kernel::{Feature, machines, pci_device};
use crate::support::links::{Pair, Place, ip, links, one, state};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("links::ends::container_to_container", container_to_container),
        suite.trial_of_kernel(&[], "links::ends::back_to_the_host", back_to_the_host),
        suite.trial_of_kernel(&[], "links::ends::names_and_files_of_namespaces", names_and_files),
        suite.trial_of_kernel(&[], "links::ends::from_in_the_record", from_in_the_record),
        suite.trial_of_kernel(&[], "links::ends::links_by_what_they_are_known_by", selectors),
        suite.trial_of_kernel(&[Feature::PciDevice], "links::ends::a_link_by_its_pci_device", a_link_by_its_pci_device),
        suite.trial_of_kernel(&[], "links::ends::a_free_name", a_free_name),
    ]
}

fn mv(suite: &Suite, from: &Place, to: &Place, words: &[&str]) -> Ran {
    let (from, to) = (from.pid().to_string(), to.pid().to_string());
    suite.run(&[&["nicon-linkmv", "-f", &from, "-t", &to], words].concat())
}

fn undo(suite: &Suite, moved: &Ran) -> Ran {
    suite.feed(&["nicon-linkmv", "--undo"], &moved.stdout)
}

fn container_to_container(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pair = Pair::new();
    let (first, second) = ("setup.olt_1.lt_1", "setup.olt_1");
    let found = suite.run(&["nicon-resolve", first, second]).ok()?;
    let [from, to] = found.lines().collect::<Vec<_>>()[..] else { return Err("two containers".into()) };
    record(&suite.feed(&["nicon-linkmv", &pair.link, "hop1"], from));
    let mut asked: Value = serde_json::from_str(to)?;
    asked["from"] = serde_json::from_str(from)?;
    let moved = suite.feed(&["nicon-linkmv", "hop1", "hop2"], asked.to_string());
    assert_eq!(record(&moved)["target"], second);
    let mac = |path: &str, name: &str| {
        lab.exec(path, &["ip", "-j", "link", "show", "dev", name])
            .unwrap()
            .ok()
            .map(|json| one(&json)["address"].clone())
    };
    assert!(mac(first, "hop1").is_err());
    assert_eq!(mac(second, "hop2")?, record(&moved)["nic"]["mac"]);
    // Undoing finds the container that it came from by its namespace.
    record(&undo(suite, &moved));
    assert_eq!(mac(first, "hop1")?, record(&moved)["nic"]["mac"]);
    ip(&format!("link del {}", pair.peer));
    Ok(())
}

fn back_to_the_host(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    let pid = place.pid().to_string();
    record(&suite.run(&["nicon-linkmv", "-t", &pid, &pair.link, "eth1"]));
    let there = place.state("eth1");
    let home = suite.run(&["nicon-linkmv", "-f", &pid, "-t", "host", "eth1", &pair.link]);
    assert_eq!(record(&home)["target"], "host");
    assert_eq!((links().contains(&pair.link), place.links()), (true, vec!["lo".to_owned()]));
    record(&undo(suite, &home));
    becomes(|| place.state("eth1"), &there);
    // The same by another name may be a mistake; by the same name it is meant (links::dress).
    let file = format!("/proc/{pid}/ns/net");
    refusal(
        &suite.run(&["nicon-linkmv", "-f", &file, "-t", &pid, "eth1"]),
        2,
        &["are the same network namespace", "nothing to move", "--from target"],
    );
    refusal(
        &suite.run(&["nicon-linkmv", "-t", "host", &pair.peer]),
        2,
        &["already in the host's network namespace", "--from $(nicon-resolve --pid PATH)", "nothing to move"],
    );
    Ok(())
}

fn names_and_files(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    furnished(ip, &pair.link, &pair.peer);
    let before = state(&pair.link);
    ip("netns add linkmv-blue");
    let moved = suite.run(&["nicon-linkmv", "-t", "linkmv-blue", &pair.link, "eth1"]);
    assert_eq!(record(&moved)["target"], "netns:linkmv-blue");
    assert!(ip("netns exec linkmv-blue ip -o link show eth1").contains("eth1"));
    let file = format!("/proc/{}/ns/net", place.pid());
    let further = suite.run(&["nicon-linkmv", "-f", "linkmv-blue", "-t", &file, "eth1"]);
    assert_eq!(record(&further)["nic"]["name"], "eth1");
    assert_eq!(place.links(), ["lo", "eth1"]);
    // No process is in that namespace: its name leads there.
    record(&undo(suite, &further));
    record(&undo(suite, &moved));
    settles_as(&before, &pair.link);

    // The other programs know the same names.
    record(&suite.run(&["nicon-links", "-t", "linkmv-blue"]));
    let relative = suite
        .shell("cd /run && nicon-links -t ./netns/linkmv-blue | nicon-linkmv -n -f netns/../netns/linkmv-blue lo", "");
    refusal(&relative, 2, &["line 1: /run/netns/../netns/linkmv-blue and /run/netns/linkmv-blue are the same"]);
    let stale = json!({"target": "host", "pid": place.pid()}).to_string();
    for words in [&["nicon-links"][..], &["nicon-linkmv", "-n", &pair.peer]] {
        refusal(&suite.feed(words, &stale), 2, &["line 1: the record's target is host", "it has a \"pid\" as well"]);
    }
    expect::records(&suite.run(&["nicon-veth", "-t", "linkmv-blue", "-t", &file, "w1", "w2"]));
    assert_eq!(place.links(), ["lo", "w2"]);
    place.ip("link del w2");

    let moved = suite.run(&["nicon-linkmv", "-f", "host", "-t", "linkmv-blue", &pair.link, "eth1"]);
    let further = suite.run(&["nicon-linkmv", "-f", "linkmv-blue", "-t", &file, "eth1"]);
    for moved in [&moved, &further] {
        assert_eq!(deed(&record(moved))["changed"], true);
    }
    ip("netns del linkmv-blue");
    not_undone(&undo(suite, &further), 1, &["which eth1 came from, is not there any more"]);
    assert_eq!(place.links(), ["lo", "eth1"]);
    assert!(!Path::new("/run/netns/linkmv-blue").exists());
    for (from, status, words) in [
        ("linkmv-blue", 1, "no network namespace is called \"linkmv-blue\""),
        ("/etc/hostname", 2, "/etc/hostname is not a network namespace"),
    ] {
        refusal(&suite.run(&["nicon-linkmv", "-f", from, "-t", &file, "eth1"]), status, &[words]);
    }
    Ok(())
}

fn from_in_the_record(suite: &Suite) -> Result<(), Failed> {
    let (pairs, places) = ([Pair::new(), Pair::new(), Pair::new()], [Place::new(), Place::new()]);
    let [one, two] = places.each_ref().map(Place::pid);
    let mut input = Vec::new();
    for (n, pair) in pairs.iter().enumerate() {
        input.push(json!({"pid": one, "link": pair.link, "name": format!("a{n}")}));
    }
    for (n, from) in [json!(one), json!(one.to_string()), json!({"pid": one})].into_iter().enumerate() {
        input.push(json!({"pid": two, "from": from, "link": format!("a{n}")}));
    }
    input.push(json!({"pid": two, "from": "nowhere", "link": "a0"}));
    input.push(json!({"pid": two, "from": [], "link": "a0"}));
    input.push(json!({"pid": two, "from": {"pid": one, "starttime": 1}, "link": "a0"}));
    let ran = suite.feed(&["nicon-linkmv"], input.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"));
    assert_eq!(ran.stdout.lines().count(), 6, "{ran:?}");
    let told: Vec<&str> = ran.stderr.lines().collect();
    assert!(
        told[0].contains("line 7: from") && told[1].contains("line 8") && told[2].contains("start time"),
        "{told:?}"
    );
    assert_eq!((places[0].links().len(), places[1].links()), (1, ["lo", "a0", "a1", "a2"].map(str::to_owned).to_vec()));
    Ok(())
}

fn selectors(suite: &Suite) -> Result<(), Failed> {
    let (from, to) = (Place::new(), Place::new());
    from.ip("link add left type veth peer name right");
    from.ip("link property add dev left altname the-left-end-of-a-veth");
    from.ip("link set left address 02:00:5e:00:53:0a");
    let index = one(&from.ip("-j link show dev left"))["ifindex"].to_string();
    let known_by = ["left", "the-left-end-of-a-veth", &index, "mac:02:00:5E:00:53:0A"];
    for selector in known_by {
        let moved = mv(suite, &from, &to, &[selector, "eth1"]);
        assert_eq!(deed(&record(&moved))["link"], "left", "{selector}");
        assert_eq!(
            (from.links(), to.links()),
            (vec!["lo".into(), "right".into()], vec!["lo".into(), "eth1".to_owned()])
        );
        assert_eq!(deed(&record(&mv(suite, &from, &to, &[selector, "eth1"])))["changed"], false, "{selector}");
        record(&undo(suite, &moved));
    }
    // What was not renamed keeps its own name, whatever it was called.
    let moved = mv(suite, &from, &to, &["mac:02:00:5e:00:53:0a"]);
    assert_eq!(record(&moved)["nic"]["name"], "left");
    record(&undo(suite, &moved));

    // A link may be called by a number, which then is its name.
    from.ip(&format!("link set right name {index}"));
    let moved = mv(suite, &from, &to, &[&index, "eth1"]);
    assert_eq!(deed(&record(&moved))["link"], index);
    record(&undo(suite, &moved));

    from.ip(&format!("link set {index} address 02:00:5e:00:53:0a"));
    let (before, both) = (from.ip("-j -d addr"), format!("{index}, left"));
    let several = mv(suite, &from, &to, &["mac:02:00:5e:00:53:0a", "eth1"]);
    assert!(several.stderr.contains(&both) || several.stderr.contains(&format!("left, {index}")), "{several:?}");
    assert_eq!(several.code(), Some(2));
    refusal(&mv(suite, &from, &to, &["mac:02:00:5e:00:53:ff"]), 1, &["no link mac:02:00:5e:00:53:ff in process"]);
    refusal(&mv(suite, &from, &to, &["pci:ffff:1f:00.0"]), 1, &["no link pci:ffff:1f:00.0 in process"]);
    refusal(&mv(suite, &from, &to, &["4294967295"]), 1, &["no link 4294967295"]);
    assert_eq!((from.ip("-j -d addr"), to.links()), (before, vec!["lo".to_owned()]));
    Ok(())
}

/// Only told, not done: the machine may be reached by it.
fn a_link_by_its_pci_device(suite: &Suite) -> Result<(), Failed> {
    let (name, address) = pci_device().ok_or("it was there")?;
    let place = Place::new();
    let target = place.pid().to_string();
    let dry = |selector: &str| {
        suite.run(&["nicon-linkmv", "--dry-run", "--force", "-f", &machines(), "-t", &target, selector, "eth9"])
    };
    for selector in [format!("pci:{address}"), format!("pci:{}", address.to_uppercase())] {
        let planned = record(&dry(&selector));
        assert_eq!((&planned["link"], &planned["name"]), (&json!(name), &json!("eth9")), "{planned}");
    }
    refusal(&dry("pci:ffff:1f:00.7"), 1, &["no link pci:ffff:1f:00.7 in /proc/"]);
    assert_eq!(place.links(), ["lo"]);
    Ok(())
}

fn a_free_name(suite: &Suite) -> Result<(), Failed> {
    let (pairs, place) = ([Pair::new(), Pair::new()], Place::new());
    place.ip("link add eth0 type bridge");
    let mut names = Vec::new();
    for pair in &pairs {
        let moved = suite.run(&["nicon-linkmv", "-t", &place.pid().to_string(), &pair.link, "eth%d"]);
        let told = record(&moved)["nic"].clone();
        let there = one(&place.ip(&format!("-j link show dev {}", told["name"].as_str().unwrap())));
        assert_eq!((&there["address"], &there["ifindex"]), (&told["mac"], &told["ifindex"]));
        names.push(told["name"].as_str().unwrap().to_owned());
        // The same command again is about the same link.
        let again = suite.run(&["nicon-linkmv", "-t", &place.pid().to_string(), &pair.link, "eth%d"]);
        let again = record(&again);
        assert_eq!((&again["nic"]["name"], &deed(&again)["changed"]), (&told["name"], &json!(false)));
    }
    assert_eq!(names, ["eth1", "eth2"]);
    assert_eq!(place.links().len(), 4);
    // One that is called so already, and whose name is taken.
    let (from, net) = (Place::new(), format!("--net=/proc/{}/ns/net", place.pid()));
    from.ip("link add eth0 type veth peer name p");
    let told = record(&mv(suite, &from, &place, &["eth0", "eth%d"]))["nic"].clone();
    let name = told["name"].as_str().ok_or("no name")?;
    output_within(tool("nsenter").args([&net, "ip", "link", "show", "dev", name]), LIMIT)?.ok()?;
    assert!(!names.contains(&name.to_owned()) && name.starts_with("eth"), "{told}");
    Ok(())
}
