//! nicon-linkmv moves a link wholly, or leaves it where it was, as it was.

use std::io::Write;
use std::process::{Output, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, Ran, tool, wait_for, witness};
use serde_json::{Value, json};

use crate::support::expect::{deed, parse, record, refusal};
use crate::support::kernel::Feature;
use crate::support::links::{Pair, Place, ip, links, one, state};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("links::moves::moves_renames_and_ups", moves_renames_and_ups),
        suite.trial_of_kernel(&[], "links::moves::twice_is_once", twice_is_once),
        suite.trial("links::moves::a_name_that_is_taken", a_name_that_is_taken),
        suite.trial_of_kernel(&[], "links::moves::alternative_names", alternative_names),
        suite.trial_of_kernel(&[], "links::moves::a_move_that_fails_halfway", a_move_that_fails_halfway),
        suite.trial_of_kernel(&[], "links::moves::two_movers_race_a_thousand_times", two_movers_race),
        suite.trial_of_kernel(&[], "links::moves::a_process_that_is_another_by_now", a_process_that_is_another),
        suite.trial_of_kernel(&[Feature::Pidfs], "links::moves::another_inode_on_pidfs", another_inode),
        suite.trial("links::moves::our_own_network_namespace", our_own_network_namespace),
        suite.trial_of_kernel(&[], "links::moves::links_that_cannot_move", links_that_cannot_move),
        suite.trial_of_kernel(&[], "links::moves::names_in_the_record", names_in_the_record),
        suite.trial_of_kernel(&[], "links::moves::what_undo_knows", what_undo_knows),
    ]
}

fn mv(place: &Place, suite: &Suite, words: &[&str]) -> Ran {
    suite.run(&[&["nicon-linkmv", "-t", &place.pid().to_string()], words].concat())
}

fn moves_renames_and_ups(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pair = Pair::new();
    let before = one(&ip(&format!("-j link show dev {}", pair.link)));
    let found = suite.run(&["nicon-resolve", "setup.olt_1.lt_1"]).ok()?;
    let moved = record(&suite.feed(&["nicon-linkmv", &pair.link, "eth7"], &found));
    let there = one(&lab.exec("setup.olt_1.lt_1", &["ip", "-j", "link", "show", "dev", "eth7"])?.ok()?);
    assert_eq!(there["address"], before["address"]);
    assert!(there["flags"].as_array().ok_or("no flags")?.contains(&json!("UP")), "{there}");
    assert!(!links().contains(&pair.link));

    let (nic, deed) = (&moved["nic"], deed(&moved));
    assert_eq!((&deed["by"], &deed["link"]), (&json!("nicon-linkmv"), &json!(pair.link)));
    assert_eq!((&nic["name"], &deed["name"]), (&json!("eth7"), &json!("eth7")));
    assert_eq!((&nic["ifindex"], &deed["ifindex"]), (&there["ifindex"], &there["ifindex"]));
    assert_eq!((&nic["mac"], &nic["mtu"]), (&there["address"], &there["mtu"]));
    assert_eq!((&nic["netns"], &deed["netns"]), (&moved["ns"]["net"], &moved["ns"]["net"]));
    assert_eq!(deed["changed"], true);
    for (field, value) in serde_json::from_str::<Value>(&found)?.as_object().ok_or("no record")? {
        assert_eq!(&moved[field], value, "{field} passes through");
    }
    Ok(())
}

fn twice_is_once(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    let first = record(&mv(&place, suite, &[&pair.link, "eth1"]));
    let state = place.ip("-j -d addr show dev eth1");
    let second = record(&mv(&place, suite, &[&pair.link, "eth1"]));
    assert_eq!((&deed(&first)["changed"], &deed(&second)["changed"]), (&json!(true), &json!(false)));
    assert_eq!(second["nic"]["mac"], first["nic"]["mac"]);
    assert_eq!(place.ip("-j -d addr show dev eth1"), state, "nothing was touched");
    // Another link of that name is not the one that was moved.
    let other = Pair::new();
    refusal(&mv(&place, suite, &[&other.link, "eth1"]), 1, &["eth1 already exists in process"]);
    refusal(
        &mv(&place, suite, &["never-was", "eth1"]),
        1,
        &["no link never-was", "eth1 in process", "did not come from there (--from says where it is; in a container"],
    );
    let way_out = "--from says where it is; in a container: --from $(nicon-resolve --pid PATH)";
    let missing = format!("no link never-was in host ({way_out})\n");
    refusal(&mv(&place, suite, &["never-was", "eth2"]), 1, &[&missing]);
    refusal(&mv(&place, suite, &["never-was", "eth2", "--from", "host"]), 1, &["no link never-was in host\n"]);
    let path = ["nicon-linkmv", "--from", "a.b", "-t", "host", "eth1"];
    refusal(&suite.run(&path), 1, &["no network namespace is called \"a.b\"", "$(nicon-resolve --pid a.b)"]);
    assert!(links().contains(&other.link));
    // An alias of its owner's is kept.
    ip(&format!("link set {} alias uplink", other.link));
    record(&mv(&place, suite, &[&other.link, "eth3"]));
    assert_eq!(one(&place.ip("-j link show dev eth3"))["ifalias"], "uplink");
    Ok(())
}

fn a_name_that_is_taken(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    ip(&format!("address add 192.0.2.1/24 dev {}", pair.link));
    ip(&format!("link set {} up", pair.link));
    let before = state(&pair.link);
    place.ip("link add eth1 type bridge");
    refusal(&mv(&place, suite, &[&pair.link, "eth1"]), 1, &["eth1 already exists in process"]);
    assert_eq!(state(&pair.link), before);
    assert_eq!(place.links(), ["lo", "eth1"]);

    lab.exec("setup.olt_1.lt_1", &["true"])?.ok()?;
    let found = suite.run(&["nicon-resolve", "setup.olt_1.lt_1"]).ok()?;
    refusal(
        &suite.feed(&["nicon-linkmv", &pair.link, "lo"], found),
        1,
        &["line 1: lo already exists in setup.olt_1.lt_1\n"],
    );
    assert_eq!(state(&pair.link), before);

    // The old name alone may be taken there.
    place.ip(&format!("link add {} type bridge", pair.link));
    record(&mv(&place, suite, &[&pair.link, "eth2"]));
    let mut there = place.links();
    there.sort();
    assert_eq!(there, ["eth1", "eth2", "lo", &pair.link]);
    Ok(())
}

fn alternative_names(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    let long = format!("{}-has-a-name-longer-than-fifteen-bytes", pair.link);
    ip(&format!("link property add dev {} altname {}alt altname {long}", pair.link, pair.link));
    let before = state(&pair.link);
    let own = format!("{}alt", pair.link);
    refusal(&mv(&place, suite, &[&pair.link, &own]), 1, &[&own, "alternative name"]);
    assert_eq!(state(&pair.link), before);

    for name in ["eth1", &long] {
        place.ip("link add other type bridge");
        place.ip(&format!("link property add dev other altname {name}"));
        refusal(&mv(&place, suite, &[&pair.link, "eth1"]), 1, &[name, "already exists in process"]);
        assert_eq!(state(&pair.link), before);
        assert_eq!(place.links(), ["lo", "other"]);
        place.ip("link del other");
    }
    record(&mv(&place, suite, &[&pair.link, "eth1"]));
    assert_eq!(one(&place.ip("-j link show dev eth1"))["altnames"], json!([own, long]));
    Ok(())
}

/// A VXLAN whose port is taken cannot be brought up. The kernel finds that out when it has moved and renamed it.
fn a_move_that_fails_halfway(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let taken = std::net::UdpSocket::bind("0.0.0.0:0")?;
    ip(&format!("link add half type vxlan id 7 dstport {}", taken.local_addr()?.port()));
    ip("link add half-br type bridge");
    ip("link set half master half-br mtu 1400 alias mine");
    ip("address add 192.0.2.9/24 dev half label half:x");
    let before = state("half");
    refusal(&mv(&place, suite, &["--force", "half", "eth1"]), 2, &["move half to process", "Address ", "in use"]);
    assert_eq!(state("half"), before);
    assert_eq!(place.links(), ["lo"]);
    // Nothing but the port stood in the way.
    drop(taken);
    record(&mv(&place, suite, &["--force", "half", "eth1"]));
    assert_eq!(place.links(), ["lo", "eth1"]);
    Ok(())
}

/// Two runs are given the same thousand links, each for a place of its own: who comes late finds the next link at once, so
/// that they meet at each.
fn two_movers_race(suite: &Suite) -> Result<(), Failed> {
    const PAIRS: usize = 500;
    let (from, places) = (Place::new(), [Place::new(), Place::new()]);
    let make = |n| format!("link add a{n} type veth peer name b{n}\n");
    from.ip_batch(&(0..PAIRS).map(make).collect::<String>());
    // Who has lost a link would lose the next ones as well, if both took them in one order.
    let orders = [["a", "b"], ["b", "a"]];
    from.ip("link add first0 type veth peer name first1");
    let mut movers = Vec::new();
    for place in &places {
        let ask = |name| json!({"pid": place.pid(), "from": from.pid(), "link": name}).to_string() + "\n";
        let mut mover = suite.command("nicon-linkmv")?;
        let mut mover = mover.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut input = mover.stdin.take().ok_or("no input")?;
        let number = movers.len();
        input.write_all(ask(format!("first{number}")).as_bytes())?;
        let names = (0..PAIRS).flat_map(|n| orders[number].map(|end| format!("{end}{n}")));
        movers.push((mover, input, names.map(ask).collect::<String>()));
    }
    // Each is at work before the race begins.
    wait_for("link in each place", || places.iter().all(|place| place.links().len() == 2));
    let outcomes: Vec<Output> = std::thread::scope(|scope| {
        let runs: Vec<_> = movers
            .into_iter()
            .map(|(mover, mut input, asked)| {
                scope.spawn(move || input.write_all(asked.as_bytes()).unwrap());
                scope.spawn(move || mover.wait_with_output().unwrap())
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let mut winners = std::collections::BTreeMap::new();
    for (place, ran) in places.iter().zip(&outcomes) {
        let [stdout, stderr] = [&ran.stdout, &ran.stderr].map(|text| String::from_utf8_lossy(text));
        assert_eq!(ran.status.code(), Some(1), "{stderr}");
        let won: Vec<String> =
            parse(&stdout).iter().map(|record| record["nic"]["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(won.len() + stderr.lines().count(), 2 * PAIRS + 1);
        assert!(won.len() > PAIRS / 10, "it was no race: {} links were won", won.len());
        let mut there = place.links();
        there.retain(|name| name != "lo");
        assert_eq!(there.iter().collect::<std::collections::BTreeSet<_>>(), won.iter().collect());
        assert!(!place.ip("-d link").contains("nicon.4"), "a mark was left");
        winners.extend(won.into_iter().map(|name| (name, place.pid())));
    }
    assert_eq!((winners.len(), from.links()), (2 * PAIRS + 2, vec!["lo".to_owned()]));
    assert_eq!(from.journals(), [""; 0]);
    Ok(())
}

fn a_process_that_is_another(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    let before = state(&pair.link);
    let pid = place.pid();
    let starttime = witness::stat(pid).ok_or("gone")?.start_time;
    let net = witness::ns_link(std::process::id(), "net").ok_or("no netns")?;
    let net: u64 = net.trim_start_matches("net:[").trim_end_matches(']').parse()?;
    for (record, words) in [
        (json!({"pid": pid, "starttime": starttime + 1}), "now belongs to another process (start time "),
        (json!({"pid": pid, "starttime": starttime, "ns": {"net": net}}), " is in net namespace "),
    ] {
        let ran = suite.feed(&["nicon-linkmv", &pair.link, "eth1"], record.to_string());
        refusal(&ran, 1, &[words]);
        assert_eq!(state(&pair.link), before);
    }
    let mut short = tool("true").spawn()?;
    short.wait()?;
    refusal(&suite.run(&["nicon-linkmv", "-t", &short.id().to_string(), &pair.link]), 1, &["no process has PID"]);
    refusal(&suite.feed(&["nicon-linkmv", &pair.link], "{}"), 2, &["no \"pid\""]);
    record(&suite.feed(&["nicon-linkmv", &pair.link], json!({"pid": pid, "starttime": starttime}).to_string()));
    Ok(())
}

fn another_inode(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    let before = state(&pair.link);
    let other = json!({"pid": place.pid(), "pidfs": 1}).to_string();
    let ran = suite.feed(&["nicon-linkmv", &pair.link, "eth1"], other);
    refusal(&ran, 1, &["now belongs to another process", "pidfs inode"]);
    assert_eq!(state(&pair.link), before);
    Ok(())
}

fn our_own_network_namespace(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pair = Pair::new();
    let before = state(&pair.link);
    lab.run_container("", "on-host-net", &["--network=host"])?;
    let found = suite.run(&["nicon-resolve", "on-host-net"]).ok()?;
    let ran = suite.feed(&["nicon-linkmv", &pair.link, "eth1"], found);
    refusal(&ran, 2, &["on-host-net is in our own network namespace", "--network=host"]);
    assert_eq!(state(&pair.link), before);
    Ok(lab.remove("", "on-host-net")?)
}

fn links_that_cannot_move(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    ip("link add stays-here type bridge");
    for link in ["lo", "stays-here"] {
        let before = state(link);
        refusal(&mv(&place, suite, &[link, "eth1"]), 2, &[link, "cannot be moved"]);
        refusal(&mv(&place, suite, &[link, "eth1", "--dry-run"]), 2, &[link, "cannot be moved"]);
        assert_eq!(state(link), before);
    }
    for name in ["", ".", "..", "a b", "a/b", "a:b", "eth%s", "1234567890123456"] {
        let ran = mv(&place, suite, &["stays-here", name]);
        assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains("is not a link name"), "{ran:?}");
    }
    assert_eq!(place.links(), ["lo"]);
    Ok(())
}

fn names_in_the_record(suite: &Suite) -> Result<(), Failed> {
    let (pairs, place) = ([Pair::new(), Pair::new()], Place::new());
    let ask = |link: &str, name: &str| json!({"pid": place.pid(), "link": link, "name": name, "note": "kept"});
    let input =
        [ask(&pairs[0].link, "eth1"), ask("nowhere", "eth2"), ask(&pairs[1].link, "eth3"), json!({"pid": place.pid()})];
    let ran = suite.feed(&["nicon-linkmv"], input.map(|record| record.to_string()).join("\n"));
    assert_eq!(ran.code(), Some(1), "{ran:?}");
    let moved = parse(&ran.stdout);
    assert_eq!(
        moved.iter().map(|record| record["nic"]["name"].clone()).collect::<Vec<_>>(),
        [json!("eth1"), json!("eth3"), Value::Null]
    );
    assert!(moved[..2].iter().all(|record| record["note"] == "kept"));
    assert_eq!(moved[2], json!({"pid": place.pid()}), "it asks for nothing");
    let told: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(told.len(), 1, "{ran:?}");
    assert!(told[0].starts_with("nicon-linkmv: line 2: no link nowhere"), "{ran:?}");
    assert_eq!(place.links(), ["lo", "eth1", "eth3"]);
    let nothing = suite.feed(&["nicon-linkmv"], json!({"pid": place.pid()}).to_string());
    refusal(&nothing, 2, &["nicon-linkmv: no record names a link: give LINK, or \"link\" in a record\n"]);
    Ok(())
}

fn what_undo_knows(suite: &Suite) -> Result<(), Failed> {
    let (pair, place) = (Pair::new(), Place::new());
    ip(&format!("link set {} up mtu 1400", pair.link));
    ip(&format!("link set {} up", pair.peer));
    ip(&format!("address add 192.0.2.1/24 dev {}", pair.link));
    ip(&format!("-6 address add 2001:db8::1/64 dev {} nodad", pair.link));
    ip(&format!("route add 198.51.100.0/24 via 192.0.2.254 dev {} metric 77 table 100", pair.link));
    let before = one(&ip(&format!("-j -d link show dev {}", pair.link)));
    let netns = witness::ns_link(std::process::id(), "net").ok_or("no netns")?;

    let undo = deed(&record(&mv(&place, suite, &[&pair.link, "eth1"])))["undo"].clone();
    assert_eq!(format!("net:[{}]", undo["netns"]), netns);
    assert_eq!(undo["name"], pair.link.as_str());
    assert_eq!((&undo["ifindex"], &undo["mtu"]), (&before["ifindex"], &before["mtu"]));
    assert_eq!((&undo["mac"], &undo["up"], &undo["master"]), (&before["address"], &json!(true), &Value::Null));
    let addresses = undo["addresses"].as_array().ok_or("no addresses")?;
    assert!(addresses.contains(&json!("192.0.2.1/24")) && addresses.contains(&json!("2001:db8::1/64")), "{undo}");
    let route = undo["routes"].as_array().ok_or("no routes")?.iter().find(|route| route["table"] == 100);
    let route = route.ok_or(format!("no route: {undo}"))?;
    assert_eq!(
        (&route["dst"], &route["via"], &route["metric"]),
        (&json!("198.51.100.0/24"), &json!("192.0.2.254"), &json!(77))
    );
    Ok(())
}
