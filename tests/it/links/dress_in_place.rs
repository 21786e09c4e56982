//! A link that is where it is to be gets what it lacks, all of it or nothing, and gives it back.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Ran, becomes};
use serde_json::{Value, json};

use crate::links::dress::{OPTIONS, has_all, qdisc, wishes, works};
use crate::links::settings::undo;
use crate::support::expect::{deed, record, refusal};
use crate::support::kernel::Feature;
use crate::support::links::Place;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::dress_in_place::what_a_link_lacks_and_back", and_back),
        suite.trial_of_kernel(&[], "links::dress_in_place::by_a_record_which_goes_on", by_record),
        suite.trial_of_kernel(&[], "links::dress_in_place::all_or_nothing", all_or_nothing),
        suite.trial_of_kernel(&[], "links::dress_in_place::only_if_that_is_said", only_if_said),
        suite.trial_of_kernel(&[Feature::Netem], "links::dress_in_place::netem_and_back", netem_and_back),
    ]
}

/// A place with a pair in it, of which one end has an address and a route.
fn place() -> Place {
    let place = Place::new();
    place.ip_batch(
        "link add v9 mtu 1400 type veth peer name p9\nlink set p9 up\nlink set v9 up
        addr add 192.0.2.1/24 dev v9\nroute add 203.0.113.0/24 via 192.0.2.2",
    );
    place
}

fn state(place: &Place, link: &str) -> ([String; 3], [String; 4]) {
    place.rest();
    (place.state(link), works(place, link))
}

fn change(suite: &Suite, place: &Place, words: &[&str]) -> Ran {
    let pid = place.pid().to_string();
    suite.run(&[&["nicon-linkmv", "-t", &pid, "--from", "target", "v9"], words].concat())
}

const MORE: [&str; 6] =
    ["eth1", "--mtu=1300", "--addr=192.0.2.9/24", "--gateway=192.0.2.2", "--alias=up link", "--altname=wan"];

fn and_back(suite: &Suite) -> Result<(), Failed> {
    let place = place();
    let before = state(&place, "v9");
    let words = [&MORE[..], &OPTIONS].concat();
    let planned = record(&change(suite, &place, &[&["--dry-run"], &words[..]].concat()));
    assert_eq!((&planned["link"], &planned["name"]), (&json!("v9"), &json!("eth1")));
    let steps = planned["steps"].to_string();
    for step in [
        "sysctl -w net.ipv4.conf.v9.rp_filter=2",
        "link set v9 name eth1 mtu 1300 alias up link",
        "route add default via 192.0.2.2 dev eth1",
    ] {
        assert!(steps.contains(&format!("\"{step}\"")), "{step} is not in {steps}");
    }
    assert_eq!(state(&place, "v9"), before);
    let changed = change(suite, &place, &words);
    let told = record(&changed);
    assert_eq!((&deed(&told)["link"], &deed(&told)["name"]), (&json!("v9"), &json!("eth1")));
    assert_eq!((&told["nic"]["mtu"], &deed(&told)["netns"]), (&json!(1300), &json!(place.netns())));
    has_all(&place, "eth1");
    let link = place.ip("addr show dev eth1");
    assert!(link.contains("mtu 1300") && link.contains("192.0.2.9/24") && link.contains("altname wan"), "{link}");
    assert!(!link.contains("nicon"), "it came from nowhere: {link}");
    assert!(place.ip("route").contains("default via 192.0.2.2 dev eth1"));
    assert!(place.ip("route").contains("203.0.113.0/24 via 192.0.2.2"));
    assert_eq!(place.journals(), [""; 0]);
    let there = state(&place, "eth1");
    let again = record(&change(suite, &place, &words));
    assert_eq!((&deed(&again)["changed"], &deed(&again)["name"]), (&json!(false), &json!("eth1")));
    assert_eq!(state(&place, "eth1"), there);
    // One that is called so, and not as it is to be, may be any other.
    let other = change(suite, &place, &[&words[..], &["--addr=192.0.2.8/24"]].concat());
    refusal(&other, 1, &["no link v9", "eth1 there is not as it is to be"]);

    let undone = record(&undo(suite, &changed));
    assert_eq!((&undone["undone"][0]["name"], &undone["undone"][0]["changed"]), (&json!("v9"), &json!(true)));
    becomes(|| state(&place, "v9"), &before);
    let undone = record(&undo(suite, &changed));
    assert_eq!(undone["undone"][0]["changed"], false, "{undone}");
    Ok(())
}

fn by_record(suite: &Suite) -> Result<(), Failed> {
    let (place, from) = (place(), Place::new());
    let before = state(&place, "v9");
    let mut asked = wishes();
    asked["pid"] = place.pid().into();
    for from in [json!("target"), json!(place.pid()), json!({"pid": place.pid()})] {
        asked["link"] = json!("v9");
        asked["from"] = from;
        let changed = suite.feed(&["nicon-linkmv"], format!("{asked}\n"));
        let told = record(&changed);
        assert_eq!((&told["link"], &told["from"], &told["nodad"]), (&Value::Null, &Value::Null, &Value::Null));
        has_all(&place, "v9");
        assert_eq!(deed(&record(&suite.feed(&["nicon-linkmv"], format!("{asked}\n"))))["changed"], false);
        record(&undo(suite, &changed));
        becomes(|| state(&place, "v9"), &before);
    }

    // A link that was moved, and then changed where it is, gives both back; and once they are back, the same again.
    from.ip("link add w9 type veth peer name x9");
    let home = from.state("w9");
    let (source, target) = (from.pid().to_string(), place.pid().to_string());
    let moved = suite.run(&["nicon-linkmv", "-f", &source, "-t", &target, "w9", "eth9"]);
    let both = suite.feed(&["nicon-linkmv", "--from=target", "eth9", "--mtu=1300", "--promisc=on"], &moved.stdout);
    assert_eq!(record(&both)["done"].as_array().map(Vec::len), Some(2));
    for changed in [true, false] {
        let undone = record(&undo(suite, &both));
        let entries = undone["undone"].as_array().ok_or("nothing was undone")?;
        assert!(entries.len() == 2 && entries.iter().all(|entry| entry["changed"] == changed), "{undone}");
        assert_eq!(from.state("w9"), home);
    }
    Ok(())
}

fn all_or_nothing(suite: &Suite) -> Result<(), Failed> {
    let place = place();
    let before = state(&place, "v9");
    let words = [&MORE[..], &OPTIONS, &["--addr=ff02::1/64"]].concat();
    refusal(&change(suite, &place, &words), 2, &["add address ff02::1/64"]);
    becomes(|| state(&place, "v9"), &before);
    for (words, status, why) in [
        (&["--mtu=70000", "--promisc=on"][..], 2, "MTU 70000 is out of range"),
        (&["p9"], 1, "p9 already exists"),
        (&["eth1", "--altname=p9"], 1, "p9 already exists"),
        (&["--master=br7"], 1, "no link br7"),
        (&["--isolated"], 2, "is no port of a bridge"),
    ] {
        refusal(&change(suite, &place, words), status, &[why]);
        assert_eq!(state(&place, "v9"), before);
    }
    let asked =
        |link: &str, mtu: u32| json!({"pid": place.pid(), "link": link, "from": "target", "mtu": mtu, "promisc": true});
    let records = format!("{}\n{}\n", asked("v9", 1300), asked("p9", 70000));
    let failed = suite.feed(&["nicon-linkmv", "--all-or-nothing"], &records);
    refusal(&failed, 2, &["MTU 70000 is out of range"]);
    assert_eq!(state(&place, "v9"), before);
    Ok(())
}

fn only_if_said(suite: &Suite) -> Result<(), Failed> {
    let place = place();
    let before = state(&place, "v9");
    let (pid, file) = (place.pid().to_string(), format!("/proc/{}/ns/net", place.pid()));
    let words = ["v9", "--mtu=1300"];
    // By another name it may be a mistake.
    let other = suite.run(&[&["nicon-linkmv", "-f", &file, "-t", &pid], &words[..]].concat());
    refusal(&other, 2, &["same network namespace", "--from target"]);
    let own = format!("nsenter -t {pid} -n nicon-linkmv -t {pid} v9 --mtu=1300");
    refusal(&suite.shell(&own, ""), 2, &["--network=host", "--from target"]);
    assert_eq!(state(&place, "v9"), before);
    record(&suite.run(&[&["nicon-linkmv", "-f", &pid, "-t", &pid], &words[..]].concat()));
    assert!(place.ip("link show dev v9").contains("mtu 1300"));
    Ok(())
}

fn netem_and_back(suite: &Suite) -> Result<(), Failed> {
    let place = place();
    let before = state(&place, "v9");
    let first = change(suite, &place, &["--delay=10ms", "--jitter=1ms", "--loss=1%"]);
    record(&first);
    let given = qdisc(&place, "v9");
    let second = change(suite, &place, &["--delay=20ms", "--rate=1gbit"]);
    assert_eq!(deed(&record(&second))["changed"], true);
    record(&undo(suite, &second));
    assert_eq!(qdisc(&place, "v9"), given);
    record(&undo(suite, &first));
    assert_eq!(state(&place, "v9"), before);
    refusal(&change(suite, &place, &["--delay=10ms", "--addr=ff02::1/64"]), 2, &["add address"]);
    assert_eq!(state(&place, "v9"), before);
    Ok(())
}
