//! Undoing what records list as done: by either program, in part, twice, and as version 0.1 wrote it.

use libtest_mimic::{Failed, Trial};
use nicon_lab::becomes;
use serde_json::{Value, json};

use crate::links::records::{B, Ground, undo};
use crate::support::expect::{deed, not_undone, parse, record, records};
use crate::support::links::{Place, ip, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::records_undo::one_end_of_a_pair_is_undone", one_end_is_undone),
        suite.trial_of_kernel(&[], "links::records_undo::a_pair_that_is_another_is_not_undone", another_pair),
        suite.trial_of_kernel(&[], "links::records_undo::nothing_that_was_done_is_lost", nothing_is_lost),
        suite.trial_of_kernel(
            &[],
            "links::records_undo::a_link_that_was_moved_on_is_undone_twice",
            moved_on_and_undone_twice,
        ),
        suite.trial_of_kernel(
            &[],
            "links::records_undo::a_namespace_that_outlives_its_process",
            namespace_outlives_process,
        ),
        suite.trial_of_kernel(&[], "links::records_undo::a_record_of_elsewhere_is_not_undone", of_elsewhere),
        suite.trial_of_kernel(&[], "links::records_undo::one_of_version_0_1_is_undone", of_version_0_1),
        suite.trial_of_kernel(&[], "links::records_undo::a_pair_that_was_moved_on", moved_on),
    ]
}

fn one_end_is_undone(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new()];
    let ends = places.each_ref().map(|place| place.pid().to_string());
    let wire = || suite.run(&["nicon-veth", "-t", &ends[0], "-t", &ends[1], "w1", "w2"]);
    for end in 0..2 {
        let made = wire();
        let told = records(&made)[end].clone();
        assert!(deed(&told)["undo"]["inode"].is_u64(), "{told}");
        let undone = record(&undo(suite, told.to_string()));
        assert_eq!(undone["undone"][0]["changed"], true);
        assert_eq!(undone["undone"][0]["name"], ["w1", "w2"][end]);
        assert_eq!(places.each_ref().map(Place::links), [["lo"], ["lo"]]);
        assert_eq!(record(&undo(suite, told.to_string()))["undone"][0]["changed"], false);
    }
    // What was there before is not this run's to remove.
    let (first, again) = (wire(), wire());
    assert_eq!(deed(&records(&again)[0])["changed"], false);
    let undone = records(&undo(suite, &again.stdout));
    assert!(undone.iter().all(|record| record["undone"][0]["changed"] == false), "{undone:?}");
    assert_eq!(places[0].links(), ["lo", "w1"]);
    places[0].ip("link set w1 down");
    let completed = wire();
    assert_eq!(deed(&records(&completed)[0])["changed"], true);
    not_undone(&undo(suite, &completed.stdout), 2, &["was there before", "keeps what it was given"]);
    assert_eq!(places[0].links(), ["lo", "w1"]);
    records(&undo(suite, &first.stdout));
    assert_eq!(places[0].links(), ["lo"]);
    Ok(())
}

/// By name, ifindex and hardware address nobody can tell them apart.
fn another_pair(suite: &Suite) -> Result<(), Failed> {
    let (places, third) = ([Place::new(), Place::new()], Place::new());
    let ends = places.each_ref().map(|place| place.pid().to_string());
    let made = suite.run(&["nicon-veth", "-t", &ends[0], "-t", &ends[1], "w1", "w2"]);
    let first = records(&made)[0].clone();
    let (index, mac) = (&first["nic"]["ifindex"], first["nic"]["mac"].as_str().ok_or("no address")?);
    places[0].ip(&format!("link set w1 netns {} name w3", third.pid()));
    places[0].ip(&format!("link add w1 index {index} address {mac} type veth peer name other"));
    // Its inode number tells, and finds it wherever it is.
    assert_eq!(record(&undo(suite, first.to_string()))["undone"][0]["changed"], true);
    assert_eq!([&third, &places[1]].map(Place::links), [["lo"], ["lo"]]);
    assert_eq!(record(&undo(suite, first.to_string()))["undone"][0]["changed"], false);
    assert_eq!(places[0].links().len(), 3, "that pair is somebody else's");
    // A container that is gone has taken the pair along.
    let made = suite.run(&["nicon-veth", "-t", &ends[0], "-t", &ends[1], "w5", "w6"]);
    drop(third);
    let [first, second] = places;
    drop(first);
    becomes(|| second.links(), &vec!["lo".to_owned()]);
    let undone = records(&undo(suite, &made.stdout));
    assert!(undone.iter().all(|record| record["undone"][0]["changed"] == false), "{undone:?}");
    Ok(())
}

/// Of a pair that was moved on, one end or both, it is still the same pair that is removed; without its inode number it is left alone.
fn moved_on(suite: &Suite) -> Result<(), Failed> {
    let (places, third) = ([Place::new(), Place::new()], Place::new());
    let ends = places.each_ref().map(|place| place.pid().to_string());
    for away in [&[0][..], &[1], &[0, 1]] {
        for told in 0..2 {
            let made = suite.run(&["nicon-veth", "-t", &ends[0], "-t", &ends[1], "w1", "w2"]);
            let made = records(&made)[told].clone();
            for end in away {
                places[*end].ip(&format!("link set w{} netns {} name x{end}", end + 1, third.pid()));
            }
            if away == [told] {
                let mut blind = made.clone();
                blind["done"][0]["undo"]["inode"] = Value::Null;
                blind["done"][0]["undo"]["peer"]["inode"] = Value::Null;
                // The kernel may have changed the ifindex that the other end knows it by.
                let left = suite.feed(&["nicon-veth", "--undo"], blind.to_string());
                assert!(third.links().len() == 2, "{left:?}");
            }
            let undone = record(&undo(suite, made.to_string()));
            assert_eq!(undone["undone"][0]["changed"], true, "{away:?} {told}");
            assert_eq!([&places[0], &places[1], &third].map(Place::links), [["lo"], ["lo"], ["lo"]]);
        }
    }
    Ok(())
}

/// What a run that stops does not come to, or takes back, still tells what others did.
fn nothing_is_lost(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    let (from, to) = (ground.from.pid(), ground.to.pid());
    let first = ground.pipe(suite, "nicon-linkmv -f FROM va eth1");
    let earlier = |link: &str, name: &str| {
        let mut asked = record(&first);
        for (field, value) in [("link", json!(link)), ("from", json!(from)), ("name", json!(name))] {
            asked[field] = value;
        }
        asked.to_string()
    };
    let ask = |link: &str, name: &str| json!({"pid": to, "from": from, "link": link, "name": name}).to_string();
    for option in ["--all-or-nothing", "--fail-fast"] {
        let input =
            [earlier("vb", "eth2"), ask("nowhere", "eth3"), earlier("pb", "eth4"), ask("pa", "eth5")].join("\n");
        let ran = suite.feed(&["nicon-linkmv", option], input);
        assert_eq!((ran.code(), ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
        let left = parse(&ran.stdout);
        let told: Vec<_> =
            left.iter().map(|record| (record["failed"].as_str(), record["done"].as_array().map(Vec::len))).collect();
        let not_tried = (Some("not tried, since another record failed"), Some(1));
        let first = if option == "--fail-fast" {
            (None, Some(2))
        } else {
            (Some("taken back, since another record failed"), Some(1))
        };
        assert_eq!(told, [first, not_tried], "{ran:?}");
        assert_eq!(ground.to.links().contains(&"eth2".to_owned()), option == "--fail-fast");
        if option == "--all-or-nothing" {
            // What was taken back is still wished for.
            let mut asked: Value = serde_json::from_str(&earlier("vb", "eth2"))?;
            asked["failed"] = left[0]["failed"].clone();
            assert_eq!(left[0], asked);
        }
        if option == "--fail-fast" {
            records(&undo(suite, &ran.stdout));
            assert_eq!(ground.state(), before);
        }
    }
    // A deed that cannot be undone stays in the record, and the others are undone.
    let both = ground.pipe(suite, "nicon-linkmv -f FROM va eth1 | nicon-linkmv -f FROM vb eth2");
    ground.from.ip("link add vb type bridge");
    let undone = undo(suite, &both.stdout);
    let left = parse(&undone.stdout).remove(0);
    assert_eq!((undone.code(), undone.stderr.lines().count()), (Some(1), 1), "{undone:?}");
    assert_eq!(
        (deed(&left)["name"].as_str(), left["undone"][0]["name"].as_str()),
        (Some("eth2"), Some("va")),
        "{left}"
    );
    ground.from.ip("link del vb");
    let rest = record(&undo(suite, &undone.stdout));
    assert_eq!((rest["undone"].as_array().map(Vec::len), ground.state()), (Some(2), before));
    Ok(())
}

/// What was done on top of something that is undone already, is undone as well.
fn moved_on_and_undone_twice(suite: &Suite) -> Result<(), Failed> {
    let (ground, third) = (Ground::new(), Place::new());
    let before = ground.state();
    let on = |link: &str| format!("jq -c '.from = .pid | .pid = {}' | nicon-linkmv {link} eth9", third.pid());
    let ends = format!("nicon-veth -t {} -t {} w1 w2 | head -n 1", ground.to.pid(), ground.from.pid());
    for pipe in [format!("nicon-linkmv -f FROM va eth1 | {}", on("eth1")), format!("{ends} | {}", on("w1"))] {
        let done = ground.pipe(suite, &pipe);
        assert_eq!(third.links(), ["lo", "eth9"]);
        for changed in [true, false] {
            let undone = record(&undo(suite, &done.stdout));
            let told: Vec<_> = undone["undone"].as_array().ok_or("none")?.iter().map(|one| &one["changed"]).collect();
            assert_eq!((told, undone.get("done")), (vec![&json!(changed); 2], None));
            assert_eq!((ground.state(), third.links()), (before.clone(), vec!["lo".to_owned()]));
        }
    }
    Ok(())
}

fn namespace_outlives_process(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.from.ip("-j -d addr");
    let from = ground.from.pid().to_string();
    for pair in [false, true] {
        let place = Place::new();
        let to = place.pid().to_string();
        ip(&format!("netns attach outlives {to}"));
        let done = if pair {
            suite.run(&["nicon-veth", "-t", &to, "-t", &from, "w1", "w2"])
        } else {
            suite.feed(&["nicon-linkmv", "-f", &from, "va", "eth1"], format!("{{\"pid\":{to}}}"))
        };
        let told = records(&done)[0].clone();
        drop(place);
        let undone = record(&undo(suite, told.to_string()));
        assert_eq!((&undone["undone"][0]["changed"], undone.get("done")), (&json!(true), None));
        ip("netns del outlives");
        assert_eq!(ground.from.ip("-j -d addr"), before);
    }
    Ok(())
}

/// After a start of the machine, and on another one, the same numbers mean other links.
fn of_elsewhere(suite: &Suite) -> Result<(), Failed> {
    let (ground, third) = (Ground::new(), Place::new());
    let elsewhere = |told: &Value| {
        let mut told = told.clone();
        told["boot"] = json!("another");
        told.to_string()
    };
    let moved = record(&ground.pipe(suite, "nicon-linkmv -f FROM va eth1"));
    record(&undo(suite, moved.to_string()));
    ground.from.ip("link set va mtu 1350");
    let before = ground.state();
    not_undone(&undo(suite, elsewhere(&moved)), 1, &["line 1: the record was made before this machine was started"]);
    assert_eq!(ground.state(), before);
    // That there is no such pair here says nothing of there.
    let ends = [&ground.to, &third].map(|place| place.pid().to_string());
    let made = records(&suite.run(&["nicon-veth", "-t", &ends[0], "-t", &ends[1], "w1", "w2"]))[0].clone();
    third.ip("link del w2");
    not_undone(&undo(suite, elsewhere(&made)), 1, &["line 1: the record was made before this machine was started"]);
    Ok(())
}

/// What nicon-linkmv 0.1 printed of `v0`, which it moved and called `eth1`, and what it printed when it was run again.
const OF_0_1: [&str; 2] = [
    r#"{"pid":23324,"note":"kept","link":"v0","name":"eth1","ifindex":3,"mac":"02:00:5e:00:54:01","changed":true,"lost":{"addr":["10.9.0.1/24"],"route":["10.9.2.0/26 via 10.9.0.254"],"sysctl":[],"master":null,"neigh":[],"qdisc":[],"vlan":[]},"undo":{"netns":4026532606,"name":"v0","ifindex":3,"inode":12404782,"up":true,"alias":"","master":null,"mtu":1400,"mac":"02:00:5e:00:54:01","addresses":["10.9.0.1/24","fe80::5eff:fe00:5401/64"],"routes":[{"dst":"10.9.2.0/26","via":"10.9.0.254","src":null,"table":254,"metric":null,"protocol":3,"scope":0,"type":1,"onlink":false}],"requests":["4c0000001400000000000000000000000218800003000000080001000a090001080002000a0900010700030076300000080008008000000014000600ffffffffffffffff9cf236009cf23600","500000001400000000000000000000000a40c0fd0300000014000100fe8000000000000000005efffe00540114000600ffffffffffffffff9cf236009cf2360008000800c000000005000b0003000000","3c000000180000000000000000000000021a0000fe0300010000000008000f00fe000000080001000a090200080005000a0900fe0800040003000000"],"altnames":[],"sysctl":{},"port":null,"forfeit":{"qdisc":[],"vlan":[],"route":[]}}}"#,
    r#"{"pid":23324,"note":"kept","link":"v0","name":"eth1","ifindex":3,"mac":"02:00:5e:00:54:01","changed":false,"lost":null,"undo":{"netns":4026532606,"name":"v0"}}"#,
];

fn of_version_0_1(suite: &Suite) -> Result<(), Failed> {
    for (text, knows_all) in OF_0_1.into_iter().zip([true, false]) {
        let ground = Ground::new();
        // As 0.1 left it.
        ground.to.ip("link add eth1 index 3 mtu 1400 address 02:00:5e:00:54:01 type veth peer name p0");
        ground.to.sh(&format!("ip link set eth1 alias 'nicon: v0 from net:[{}]' up", ground.from.netns()));
        ground.to.ip(&format!("link set p0 netns {} up", ground.from.pid()));
        let inode = "unshare -m sh -c 'mount -t sysfs sysfs /mnt && stat -L -c %i /mnt/class/net/eth1'";
        let text = text
            .replace("23324", &ground.to.pid().to_string())
            .replace("4026532606", &ground.from.netns().to_string())
            .replace("12404782", ground.to.sh(inode).trim());
        // What the next program does is told beside it.
        let wish = format!("nicon-linkmv -f {} vb eth2", ground.from.pid());
        let both = suite.shell(&wish, &text);
        let told = record(&both);
        assert_eq!((told["undo"]["name"].as_str(), told["done"].as_array().map(Vec::len)), (Some("v0"), Some(1)));
        assert_eq!(ground.there("eth2"), (B.into(), 1300));
        // Of what a run found there, only the link itself tells.
        let words = ["nicon-linkmv", "--undo", "--force"];
        let words = if knows_all { &words[..2] } else { &words };
        for changed in [true, false] {
            let undone = record(&suite.feed(words, &both.stdout));
            let names: Vec<_> = undone["undone"]
                .as_array()
                .ok_or("none")?
                .iter()
                .map(|undone| (&undone["name"], &undone["changed"]))
                .collect();
            assert_eq!(names, [(&json!("vb"), &json!(changed)), (&json!("v0"), &json!(changed))]);
            assert_eq!(undone["note"], "kept");
            for field in ["link", "name", "ifindex", "mac", "changed", "lost", "undo", "done", "nic"] {
                assert_eq!(undone.get(field), None, "{field}");
            }
            let back = one(&ground.from.ip("-j addr show dev v0"));
            assert_eq!((&back["address"], &back["mtu"]), (&json!("02:00:5e:00:54:01"), &json!(1400)));
            assert_eq!(back.to_string().contains("10.9.0.1"), knows_all);
            let routes = ground.from.ip("route show dev v0");
            assert_eq!(routes.contains("10.9.2.0/26 via 10.9.0.254"), knows_all, "{routes}");
            assert_eq!(ground.to.links(), ["lo"]);
        }
    }
    Ok(())
}
