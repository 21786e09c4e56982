//! The options of a bridge's port.

use libtest_mimic::{Failed, Trial};
use nicon_lab::becomes;
use serde_json::{Value, json};

use crate::links::settings::undo;
use crate::support::expect::{deed, record, records, refusal};
use crate::support::kernel::Feature;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::dress_port::isolated", isolated),
        suite.trial_of_kernel(
            &[Feature::BridgeVlans],
            "links::dress_port::vlans_of_a_moved_link",
            vlans_of_a_moved_link,
        ),
        suite.trial_of_kernel(&[Feature::BridgeVlans], "links::dress_port::vlans_in_place_and_back", vlans_in_place),
        suite.trial_of_kernel(&[Feature::BridgeVlans], "links::dress_port::vlans_of_an_end", vlans_of_an_end),
    ]
}

/// A place with a bridge.
fn with_bridge(kind: &str) -> Place {
    let place = Place::new();
    place.ip_batch(&format!("link add br0 type bridge {kind}\nlink set br0 up\nlink add v9 type veth peer name p9"));
    place
}

fn is_isolated(place: &Place, link: &str) -> Value {
    one(&place.ip(&format!("-j -d link show dev {link}")))["linkinfo"]["info_slave_data"]["isolated"].clone()
}

/// The VLANs of a port, as `bridge` tells them.
fn vlans(place: &Place, link: &str) -> Value {
    let listed: Value = serde_json::from_str(&place.sh(&format!("bridge -j vlan show dev {link}"))).unwrap();
    listed[0]["vlans"].clone()
}

fn isolated(suite: &Suite) -> Result<(), Failed> {
    let (from, to) = (with_bridge(""), with_bridge(""));
    let (source, target) = (from.pid().to_string(), to.pid().to_string());
    let before = from.state("v9");
    let words = ["nicon-linkmv", "-f", &source, "-t", &target, "v9", "eth1", "--master=br0", "--isolated"];
    let planned = record(&suite.run(&[&words[..], &["--dry-run"]].concat()));
    let steps = planned["steps"].to_string();
    assert!(steps.contains("link set eth1 type bridge_slave isolated on\",\"link set eth1 up"), "{steps}");
    let moved = suite.run(&words);
    record(&moved);
    assert_eq!(is_isolated(&to, "eth1"), true);
    assert!(to.ip("link show dev eth1").contains(",UP"));
    assert_eq!(deed(&record(&suite.run(&words)))["changed"], false);
    record(&undo(suite, &moved));
    assert_eq!(from.state("v9"), before);

    // In place, and by a record that says no.
    to.ip("link set v9 master br0");
    let record_of = |isolated: bool| {
        format!("{}\n", json!({"pid": to.pid(), "link": "v9", "from": "target", "isolated": isolated, "up": false}))
    };
    assert_eq!(deed(&record(&suite.feed(&["nicon-linkmv"], record_of(false))))["changed"], false);
    let changed = suite.feed(&["nicon-linkmv"], record_of(true));
    assert_eq!((deed(&record(&changed))["changed"].clone(), is_isolated(&to, "v9")), (json!(true), json!(true)));
    assert_eq!(deed(&record(&suite.feed(&["nicon-linkmv"], record_of(false))))["changed"], true);
    assert_eq!(is_isolated(&to, "v9"), false);
    record(&suite.feed(&["nicon-linkmv"], record_of(true)));
    record(&undo(suite, &changed));
    assert_eq!(is_isolated(&to, "v9"), false);
    let failed = ["nicon-linkmv", "-t", &target, "-f", "target", "v9", "--isolated", "--addr=ff02::1/64"];
    refusal(&suite.run(&failed), 2, &["add address"]);
    assert_eq!(is_isolated(&to, "v9"), false);
    // Another kind of master has no such ports.
    to.ip("link add other type veth peer name end");
    let other = ["nicon-linkmv", "-f", &source, "-t", &target, "v9", "eth1", "--master=other", "--isolated"];
    refusal(&suite.run(&other), 2, &["other in", "is no bridge"]);
    Ok(())
}

fn vlans_of_a_moved_link(suite: &Suite) -> Result<(), Failed> {
    let (from, to) = (with_bridge("vlan_filtering 1"), with_bridge("vlan_filtering 1"));
    let (source, target) = (from.pid().to_string(), to.pid().to_string());
    from.ip("link set v9 master br0");
    from.sh("bridge vlan add dev v9 vid 77 && bridge vlan add dev v9 vid 78 pvid untagged");
    let (before, of_port) = (from.state("v9"), vlans(&from, "v9"));
    let words = ["nicon-linkmv", "-f", &source, "-t", &target, "--force", "v9", "eth1", "--master=br0", "--vlan=20-22"];
    let words = [&words[..], &["--pvid=10", "--untagged=10", "--untagged=30"]].concat();
    let moved = suite.run(&words);
    record(&moved);
    let given = json!([
        {"vlan": 10, "flags": ["PVID", "Egress Untagged"]}, {"vlan": 20}, {"vlan": 21}, {"vlan": 22},
        {"vlan": 30, "flags": ["Egress Untagged"]}
    ]);
    assert_eq!(vlans(&to, "eth1"), given);
    assert_eq!(deed(&record(&suite.run(&words)))["changed"], false);
    // What fails afterwards leaves the port's VLANs as they were.
    let failed = [&words[..], &["--vlan=99", "--pvid=20", "--addr=ff02::1/64"]].concat();
    let failed: Vec<_> = failed.into_iter().filter(|word| *word != "--pvid=10").collect();
    refusal(&suite.run(&failed), 2, &["add address"]);
    assert_eq!(vlans(&to, "eth1"), given);
    record(&undo(suite, &moved));
    becomes(|| (from.state("v9"), vlans(&from, "v9")), &(before, of_port));
    Ok(())
}

fn vlans_in_place(suite: &Suite) -> Result<(), Failed> {
    let place = with_bridge("vlan_filtering 1");
    let pid = place.pid().to_string();
    let change =
        |words: &[&str]| suite.run(&[&["nicon-linkmv", "-t", &pid, "-f", "target", "v9", "--no-up"], words].concat());
    place.ip("link set v9 master br0");
    let default = vlans(&place, "v9");
    let first = change(&["--vlan=10", "--vlan=11"]);
    record(&first);
    assert_eq!(vlans(&place, "v9"), json!([{"vlan": 10}, {"vlan": 11}]));
    let planned = record(&change(&["--vlan=11-12", "--untagged=11", "--dry-run"]));
    let steps =
        ["bridge vlan del dev v9 vid 10", "bridge vlan add dev v9 vid 11 untagged", "bridge vlan add dev v9 vid 12"];
    assert_eq!(planned["steps"], json!(steps));
    let second = change(&["--vlan=11-12", "--untagged=11"]);
    record(&second);
    let untagged = json!([{"vlan": 11, "flags": ["Egress Untagged"]}, {"vlan": 12}]);
    assert_eq!(vlans(&place, "v9"), untagged);
    assert_eq!(deed(&record(&change(&["--vlan=11-12", "--untagged=11"])))["changed"], false);
    record(&undo(suite, &second));
    assert_eq!(vlans(&place, "v9"), json!([{"vlan": 10}, {"vlan": 11}]));
    record(&undo(suite, &first));
    assert_eq!(vlans(&place, "v9"), default);
    // A port without any VLAN gets them, and has none again.
    place.sh("bridge vlan del dev v9 vid 1");
    let third = change(&["--pvid=10"]);
    record(&third);
    assert_eq!(vlans(&place, "v9"), json!([{"vlan": 10, "flags": ["PVID"]}]));
    record(&undo(suite, &third));
    assert_eq!(vlans(&place, "v9"), Value::Null);
    Ok(())
}

fn vlans_of_an_end(suite: &Suite) -> Result<(), Failed> {
    let (first, second) = (with_bridge("vlan_filtering 1"), Place::new());
    let end = json!({"pid": first.pid(), "pair": "a", "name": "x0", "master": "br0", "vlan": [10, "20-21"], "pvid": 10, "isolated": true});
    let other = json!({"pid": second.pid(), "pair": "a", "name": "y0"});
    let input = format!("{end}\n{other}\n");
    records(&suite.feed(&["nicon-veth"], &input));
    assert_eq!(vlans(&first, "x0"), json!([{"vlan": 10, "flags": ["PVID"]}, {"vlan": 20}, {"vlan": 21}]));
    assert_eq!(is_isolated(&first, "x0"), true);
    assert!(records(&suite.feed(&["nicon-veth"], &input)).iter().all(|record| deed(record)["changed"] == false));
    Ok(())
}
