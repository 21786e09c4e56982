//! A plan of kinds of links that not every kernel has: `make test-links` runs these in user-mode Linux.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::lab::Lab;
use crate::support::expect::{parse, records};
use crate::support::kernel::Feature;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let kinds = &[Feature::LinkKind("dummy"), Feature::LinkKind("vlan"), Feature::LinkKind("ipvlan"), Feature::Netem];
    vec![suite.trial_of_kernel(kinds, "wire::kinds::stacked_and_delayed", stacked_and_delayed)]
}

fn stacked_and_delayed(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let [first, second] = lab.places.each_ref().map(Place::pid);
    let mut wishes = [
        json!({"pid": first, "kind": "vlan", "name": "d0.7", "parent": "d0", "vid": 7, "from": "target", "addr": ["192.0.2.1/24"]}),
        json!({"pid": second, "kind": "ipvlan", "name": "iv0", "parent": "eth1", "from": "target"}),
        json!({"pid": first, "kind": "dummy", "name": "d0", "mtu": 1400}),
        json!({"pid": first, "pair": "p", "name": "eth1", "delay": "10ms", "rate": "10mbit"}),
        json!({"pid": second, "pair": "p", "name": "eth1"}),
    ];
    let wire = |wishes: &[Value]| records(&suite.feed(&["nicon-wire"], lab.records(wishes)));
    let netem = || lab.places[0].sh("tc -j qdisc show dev eth1");
    wire(&wishes);
    let kind = |place: usize, name: &str| {
        one(&lab.places[place].ip(&format!("-j -d link show dev {name}")))["linkinfo"]["info_kind"].clone()
    };
    assert_eq!(json!([kind(0, "d0.7"), kind(1, "iv0"), kind(0, "d0")]), json!(["vlan", "ipvlan", "dummy"]));
    assert!(netem().contains(r#""delay":0.01"#), "{}", netem());
    let same = suite.feed(&["nicon-wire", "--check"], lab.records(&wishes));
    assert_eq!((same.code(), &same.stdout[..]), (Some(0), ""), "{same:?}");

    // Other values are given in place; what is not asked for any more goes.
    let index = || one(&lab.places[0].ip("-j link show dev eth1"))["ifindex"].clone();
    let before = index();
    wishes[3]["delay"] = "20ms".into();
    let differs = suite.feed(&["nicon-wire", "--check"], lab.records(&wishes));
    assert_eq!((differs.code(), parse(&differs.stdout).len()), (Some(1), 1), "{differs:?}");
    wire(&wishes);
    assert!(netem().contains(r#""delay":0.02"#), "{}", netem());
    for field in ["delay", "rate"] {
        wishes[3][field] = Value::Null;
    }
    wire(&wishes);
    assert!(!netem().contains("netem"), "{}", netem());
    assert_eq!(index(), before);

    // A plan that fails leaves the netem as it was.
    wishes[3]["loss"] = "5%".into();
    wire(&wishes);
    let there = netem();
    wishes[3]["loss"] = "7%".into();
    wishes[4]["addr"] = json!(["ff02::1/64"]);
    assert_eq!(suite.feed(&["nicon-wire"], lab.records(&wishes)).code(), Some(2));
    assert_eq!(netem(), there);
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.records(&wishes)));
    lab.is_gone();
    Ok(())
}
