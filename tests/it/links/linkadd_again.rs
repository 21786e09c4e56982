//! nicon-linkadd a second time, at once with itself, killed, and undone.

use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::Ran;
use serde_json::{Value, json};

use crate::links::linkadd::{on_low, two_places, without_ipv6};
use crate::support::expect::{deed, not_undone, record, refusal, undone};
use crate::support::kernel::Feature;
use crate::support::killed;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

const MACVLAN: &[Feature] = &[Feature::LinkKind("macvlan")];

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(MACVLAN, "links::linkadd::again::twice_is_once", twice_is_once),
        suite.trial_of_kernel(MACVLAN, "links::linkadd::again::another_link_has_the_name", another_link),
        suite.trial_of_kernel(MACVLAN, "links::linkadd::again::a_name_that_is_taken_below", name_taken_below),
        suite.trial_of_kernel(MACVLAN, "links::linkadd::again::five_at_once", five_at_once),
        suite.trial_of_kernel(
            &[Feature::LinkKind("macvlan"), Feature::FullSpeed],
            "links::linkadd::again::killed_at_each_call",
            killed_at_each_call,
        ),
        suite.trial_of_kernel(MACVLAN, "links::linkadd::again::undone_wherever_it_is", undone_wherever_it_is),
        suite.trial_of_kernel(MACVLAN, "links::linkadd::again::what_is_stacked_on_it", stacked),
        suite.trial_of_kernel(&[], "links::linkadd::again::a_bridge_with_ports", a_bridge_with_ports),
        suite.trial_of_kernel(&[], "links::linkadd::again::a_bridge_keeps_its_address", a_bridge_keeps_its_address),
        suite.trial_of_kernel(MACVLAN, "links::linkadd::again::all_or_nothing", all_or_nothing),
    ]
}

fn undo(suite: &Suite, made: &Ran, more: &[&str]) -> Ran {
    suite.feed(&[&["nicon-linkadd", "--undo"], more].concat(), &made.stdout)
}

fn is_up(link: &Value) -> bool {
    link["flags"].to_string().contains("\"UP\"")
}

/// All that `ip` tells of the links of a place, once nothing changes by itself any more.
fn all_at_rest(place: &Place) -> String {
    place.rest();
    place.ip("-j -d addr")
}

fn twice_is_once(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    without_ipv6(&own);
    let add = |more: &[&str]| on_low(suite, (&lower, &own), &[&["macvlan", "eth1"], more].concat());
    let changed = |ran: &Ran| deed(&record(ran))["changed"].clone();
    assert_eq!(changed(&add(&["--addr=192.0.2.1/24"])), true);
    let before = own.state("eth1");
    let again = add(&["--addr=192.0.2.1/24"]);
    assert_eq!((changed(&again), &deed(&record(&again))["undo"]), (json!(false), &Value::Null));
    assert_eq!(own.state("eth1"), before);
    // What it lacks is added, or all of that taken back.
    own.ip("link set eth1 down");
    let down = own.state("eth1");
    own.ip("link add other type veth peer name others");
    own.ip("link set other up");
    own.ip("addr add 203.0.113.1/24 dev other");
    own.ip("route add 198.51.100.0/24 dev other");
    refusal(&add(&["--mtu=1300", "--route=198.51.100.0/24"]), 1, &["has a route to 198.51.100.0/24"]);
    assert_eq!(own.state("eth1"), down);
    assert_eq!(changed(&add(&["--mtu=1300", "--addr=192.0.2.2/24"])), true);
    let there = one(&own.ip("-j addr show dev eth1"));
    assert_eq!((&there["mtu"], is_up(&there)), (&json!(1300), true), "{there}");
    // It was there before, so it is not ours to remove.
    refusal(&Ran { stdout: String::new(), ..undo(suite, &add(&["--mtu=1200"]), &[]) }, 2, &["was there before, keeps"]);
    assert_eq!(own.links().len(), 4);
    Ok(())
}

fn another_link(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    without_ipv6(&own);
    own.ip("link add low type veth peer name high");
    let add = |words: &[&str]| on_low(suite, (&lower, &own), words);
    record(&add(&["macvlan", "eth1"]));
    let state = || [&lower, &own].map(all_at_rest);
    let before = state();
    refusal(&add(&["macvlan", "eth1", "--mode=vepa"]), 1, &["eth1 already exists", "with mode bridge, not mode vepa"]);
    refusal(&add(&["macvtap", "eth1"]), 1, &["eth1 already exists in process", "macvlan"]);
    refusal(&add(&["macvlan", "low"]), 1, &["low already exists in process", "veth, whose other end is high"]);
    let [from, target] = [&lower, &own].map(|place| place.pid().to_string());
    let on = |from: &str, parent: &str| {
        let parent = format!("--parent={parent}");
        suite.run(&["nicon-linkadd", "-t", &target, "-f", from, "macvlan", "eth1", &parent])
    };
    refusal(&on(&from, "high"), 1, &["a macvlan on low in ", ", not on high in process"]);
    // The same ifindex, and the same name, elsewhere.
    assert_eq!(one(&lower.ip("-j link show dev low"))["ifindex"], one(&own.ip("-j link show dev low"))["ifindex"]);
    refusal(&on("target", "low"), 1, &["a macvlan on low in ", ", not on low"]);
    let third = Place::new();
    third.ip("link add low type veth peer name high");
    refusal(&on(&third.pid().to_string(), "low"), 1, &["a macvlan on low in ", ", not on low in process"]);
    assert_eq!(state(), before);
    // Nor is one on a link of its own place one on a link of a place that this one knows nothing of.
    let on_own = ["nicon-linkadd", "-t", &target, "-f", "target", "macvlan", "eth2", "--parent=low"];
    record(&suite.run(&on_own));
    let unknown = third.pid().to_string();
    let on_third = ["nicon-linkadd", "-t", &target, "-f", &unknown, "macvlan", "eth2", "--parent=low"];
    refusal(&suite.run(&on_third), 1, &["a macvlan on low, not on low in process"]);
    // One that was renamed is another one, also if it answers to the name still.
    own.ip_batch("link set eth1 down\nlink set eth1 name other\nlink property add dev other altname eth1\n");
    let renamed = state();
    refusal(&add(&["macvlan", "eth1"]), 1, &["eth1 already exists", "an alternative name of other"]);
    assert_eq!(state(), renamed);
    Ok(())
}

/// Before Linux 6.15 the kernel refuses a name that a link has in the namespace from which the new one is made.
fn name_taken_below(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    let made = on_low(suite, (&lower, &own), &["macvlan", "low", "--addr=192.0.2.1/24"]);
    assert_eq!(record(&made)["nic"]["name"], "low");
    assert_eq!(
        (own.links(), lower.links()),
        (vec!["lo".to_owned(), "low".into()], vec!["lo".into(), "high".into(), "low".into()])
    );
    record(&undo(suite, &made, &[]));
    // A run that was killed meanwhile has left it under another name.
    let netns = own.pid();
    lower.ip(&format!("link add link low name nicon191daf6f61 netns {netns} type macvlan mode bridge"));
    lower.ip(&format!("link add link low name other netns {netns} type macvlan mode bridge"));
    let planned = record(&on_low(suite, (&lower, &own), &["macvlan", "low", "-n"]));
    assert_eq!(planned["steps"], json!(["link set nicon191daf6f61 name low up"]));
    let made = on_low(suite, (&lower, &own), &["macvlan", "low"]);
    assert_eq!(deed(&record(&made))["changed"], true);
    assert_eq!(own.links(), ["lo", "low", "other"]);
    record(&undo(suite, &made, &[]));
    assert_eq!(own.links(), ["lo", "other"]);
    Ok(())
}

fn five_at_once(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    own.sh("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad");
    let [from, target] = [&lower, &own].map(|place| place.pid().to_string());
    for round in 0..5 {
        let name = format!("eth{round}");
        let words = ["-f", &from, "-t", &target, "--parent=low", "macvlan", &name, "--altname"];
        let altname = format!("also{round}");
        let addresses = [format!("--addr=192.0.{round}.1/24"), format!("--route=198.51.{round}.0/24,192.0.{round}.2")];
        let runs: Vec<_> = (0..5)
            .map(|_| {
                let mut command = suite.command("nicon-linkadd").unwrap();
                command.args(words).arg(&altname).args(&addresses).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
            })
            .collect::<Result<_, _>>()?;
        let mut news = 0;
        for run in runs {
            let output = run.wait_with_output()?;
            assert!(output.status.success(), "{output:?}");
            let record: Value = serde_json::from_slice(&output.stdout)?;
            news += usize::from(!deed(&record)["undo"].is_null());
        }
        assert_eq!(news, 1, "one made it, the others found it");
        let there = one(&own.ip(&format!("-j addr show dev {name}")));
        assert_eq!((is_up(&there), &there["altnames"]), (true, &json!([altname])), "{there}");
    }
    assert_eq!(own.links().len(), 6);
    Ok(())
}

/// Whatever call it dies at, there is no link, or the same command completes it.
fn killed_at_each_call(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    let [from, target] = [&lower, &own].map(|place| place.pid().to_string());
    let words = ["nicon-linkadd", "-f", &from, "-t", &target, "--parent=low", "macvlan", "low", "--addr=192.0.2.1/24"];
    let below = lower.links();
    let mut halves = 0;
    let kills = killed::at_each_call(suite, (&words, "", 0), || {
        assert_eq!(lower.links(), below);
        halves += usize::from(own.links().len() == 2);
        record(&suite.run(&words));
        let there = one(&own.ip("-j addr show dev low"));
        assert_eq!((is_up(&there), &there["addr_info"][0]["local"]), (true, &json!("192.0.2.1")));
        assert_eq!(own.links(), ["lo", "low"]);
        own.ip("link del low");
        Ok(())
    })?;
    assert!(kills > 5 && halves > 2, "{kills} kills, {halves} of them left a link");
    Ok(())
}

fn undone_wherever_it_is(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    without_ipv6(&own);
    let state = || [&lower, &own].map(all_at_rest);
    let before = state();
    let made = on_low(suite, (&lower, &own), &["macvlan", "eth1", "--addr=192.0.2.1/24"]);
    assert_eq!(undone(&record(&undo(suite, &made, &[])))["changed"], true);
    assert_eq!(undone(&record(&undo(suite, &made, &[])))["changed"], false);
    // Another one of that name, in the same place, even with its number.
    let made = on_low(suite, (&lower, &own), &["macvlan", "eth1"]);
    let ifindex = record(&made)["nic"]["ifindex"].clone();
    own.ip("link del eth1");
    own.ip(&format!("link add eth1 index {ifindex} type bridge"));
    assert_eq!(undone(&record(&undo(suite, &made, &[])))["changed"], false);
    own.ip("link del eth1");
    // It may have been renamed and moved on, by whom it may.
    let third = Place::new();
    let made = on_low(suite, (&lower, &own), &["macvlan", "eth1"]);
    own.ip(&format!("link set eth1 netns {} name elsewhere", third.pid()));
    assert_eq!(third.links(), ["lo", "elsewhere"]);
    assert_eq!(undone(&record(&undo(suite, &made, &[])))["changed"], true);
    assert_eq!(third.links(), ["lo"]);
    // One program undoes what the other did, the last first.
    let [from, pid] = [&lower, &own].map(Place::pid);
    let both = format!(
        "{}\n{}",
        json!({"pid": pid, "kind": "bridge", "name": "br0"}),
        json!({"pid": pid, "kind": "macvlan", "name": "m0", "parent": "low", "from": from, "master": "br0"})
    );
    let made = suite.feed(&["nicon-linkadd"], both);
    suite.feed(&["nicon-linkmv", "--undo"], &made.ok()?).ok()?;
    let numbers = |state: [String; 2]| state.map(|json| json.replace(char::is_numeric, ""));
    assert_eq!(numbers(state()), numbers(before));
    Ok(())
}

fn stacked(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    let made = on_low(suite, (&lower, &own), &["macvlan", "eth1"]);
    let on_top = suite.run(&[
        "nicon-linkadd",
        "vxlan",
        "vx1",
        "-t",
        &own.pid().to_string(),
        "--from=target",
        "--vni=9",
        "--parent=eth1",
        "--remote=ff05::9",
    ]);
    record(&on_top);
    not_undone(
        &undo(suite, &made, &[]),
        2,
        &["eth1 in process", "has vx1 stacked on it, which removing eth1 would destroy"],
    );
    assert_eq!(own.links(), ["lo", "eth1", "vx1"]);
    record(&undo(suite, &made, &["--force"]));
    assert_eq!(own.links(), ["lo"]);
    assert_eq!(undone(&record(&undo(suite, &on_top, &[])))["changed"], false);
    Ok(())
}

fn a_bridge_with_ports(suite: &Suite) -> Result<(), Failed> {
    let own = Place::new();
    let made = suite.run(&["nicon-linkadd", "bridge", "br0", "-t", &own.pid().to_string()]);
    own.ip("link add port0 type veth peer name port1");
    own.ip("link set port0 master br0");
    own.ip("link set port1 master br0");
    not_undone(&undo(suite, &made, &[]), 2, &["br0 in process", "has the ports port0, port1, which would be cut off"]);
    record(&undo(suite, &made, &["--force"]));
    assert_eq!(own.links().len(), 3, "the ports are somebody else's");
    Ok(())
}

/// Neighbours send to the address that they learned.
fn a_bridge_keeps_its_address(suite: &Suite) -> Result<(), Failed> {
    let own = Place::new();
    let pid = own.pid().to_string();
    let address = |name: &str| one(&own.ip(&format!("-j link show {name}")))["address"].clone();
    record(&suite.run(&["nicon-linkadd", "bridge", "br0", "-t", &pid]));
    let mac = address("br0");
    for low in ["02:00:00:00:00:01", "02:00:00:00:00:02"] {
        own.ip(&format!("link add port0 address {low} type veth peer name other0"));
        own.ip("link set port0 master br0");
        assert_eq!(address("br0"), mac, "a port came");
        own.ip("link del port0");
        assert_eq!(address("br0"), mac, "it went");
    }
    record(&suite.run(&["nicon-linkadd", "bridge", "br0", "-t", &pid]));
    assert_eq!(address("br0"), mac, "asked for again");
    record(&suite.run(&["nicon-linkadd", "bridge", "br1", "-t", &pid]));
    assert_ne!(address("br1"), mac, "another one");
    Ok(())
}

fn all_or_nothing(suite: &Suite) -> Result<(), Failed> {
    let (lower, own) = two_places();
    let state = || [&lower, &own].map(|place| all_at_rest(place).replace(char::is_numeric, ""));
    let before = state();
    let [from, pid] = [&lower, &own].map(Place::pid);
    let ask =
        |name: &str| json!({"pid": pid, "kind": "macvlan", "name": name, "parent": "low", "from": from}).to_string();
    let input = [ask("m1"), ask("m2"), ask("lo")].join("\n");
    refusal(&suite.feed(&["nicon-linkadd", "--all-or-nothing"], &input), 1, &["line 3: lo already exists"]);
    assert_eq!(state(), before);
    // Nor is anything left if nobody can read what was done.
    let mut pipe = suite.command("nicon-linkadd")?;
    let full = std::fs::File::options().write(true).open("/dev/full")?;
    pipe.args(["--all-or-nothing", "-t", &pid.to_string(), "-f", &from.to_string(), "macvlan", "m1", "--parent=low"]);
    assert_eq!(pipe.stdout(full).status()?.code(), Some(2));
    assert_eq!(state(), before);
    Ok(())
}
