//! What nicon-links tells only of links of some kinds, and of their offloads.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::expect::records;
use crate::support::kernel::Feature;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[Feature::LinkKind("macvlan")], "links::list_kinds::a_macvlan", a_macvlan),
        suite.trial_of_kernel(&[Feature::LinkKind("vxlan")], "links::list_kinds::a_vxlan", a_vxlan),
        suite.trial_of_kernel(&[Feature::LinkKind("vlan")], "links::list_kinds::a_vlan", a_vlan),
        suite.trial_of_kernel(&[Feature::LinkKind("ipvlan")], "links::list_kinds::an_ipvlan", an_ipvlan),
        suite.trial_of_kernel(&[Feature::LinkKind("netkit")], "links::list_kinds::both_ends_of_a_netkit", a_netkit),
        suite.trial_of_kernel(&[], "links::list_kinds::offloads_as_ethtool_tells_them", offloads),
    ]
}

/// The facts about one link of a place.
fn told(suite: &Suite, place: &Place, name: &str, more: &[&str]) -> Value {
    let pid = place.pid().to_string();
    let all = records(&suite.run(&[&["nicon-links", "-t", &pid], more].concat()));
    all.into_iter().map(|record| record["nic"].clone()).find(|nic| nic["name"] == name).unwrap()
}

/// A place with a link that others can be made on.
fn place() -> Place {
    let place = Place::new();
    place.ip("link add low type veth peer name high");
    place.ip("link set low up");
    place
}

fn a_macvlan(suite: &Suite) -> Result<(), Failed> {
    let place = place();
    for mode in ["private", "vepa", "bridge", "source"] {
        place.ip(&format!("link add m{mode} link low type macvlan mode {mode}"));
        let nic = told(suite, &place, &format!("m{mode}"), &[]);
        assert_eq!((&nic["mode"], &nic["parent"]["name"]), (&json!(mode), &json!("low")), "{nic}");
        assert_eq!((nic.get("vlan"), nic.get("vxlan"), nic.get("offloads")), (None, None, None));
    }
    place.ip("link add passthru link high type macvlan mode passthru");
    assert_eq!(told(suite, &place, "passthru", &[])["mode"], "passthru");
    assert_eq!(told(suite, &place, "low", &[]).get("mode"), None);
    Ok(())
}

fn a_vxlan(suite: &Suite) -> Result<(), Failed> {
    let place = place();
    place.ip("link add vx1 type vxlan id 100 remote 192.0.2.9 local 192.0.2.1 dstport 4789");
    place.ip("link add vx2 type vxlan id 16777215 group ff05::100 dstport 8472 dev low");
    let (one, other) = (told(suite, &place, "vx1", &[]), told(suite, &place, "vx2", &[]));
    assert_eq!(one["vxlan"], json!({"vni": 100, "remote": "192.0.2.9", "local": "192.0.2.1", "dst_port": 4789}));
    assert_eq!(other["vxlan"], json!({"vni": 16_777_215, "remote": "ff05::100", "local": null, "dst_port": 8472}));
    assert_eq!((&one["parent"], &other["parent"]["name"]), (&Value::Null, &json!("low")));
    Ok(())
}

fn a_vlan(suite: &Suite) -> Result<(), Failed> {
    let place = place();
    for (id, protocol) in [(1, "802.1Q"), (4094, "802.1ad")] {
        place.ip(&format!("link add v{id} link low type vlan protocol {protocol} id {id}"));
        let nic = told(suite, &place, &format!("v{id}"), &[]);
        assert_eq!(nic["vlan"], json!({"id": id, "protocol": protocol}));
        assert_eq!(nic["parent"]["name"], "low");
    }
    Ok(())
}

fn an_ipvlan(suite: &Suite) -> Result<(), Failed> {
    for mode in ["l2", "l3", "l3s"] {
        let place = place();
        place.ip(&format!("link add i0 link low type ipvlan mode {mode}"));
        let nic = told(suite, &place, "i0", &[]);
        assert_eq!((&nic["mode"], &nic["parent"]["name"]), (&json!(mode), &json!("low")), "{nic}");
    }
    Ok(())
}

fn a_netkit(suite: &Suite) -> Result<(), Failed> {
    let (here, there) = (Place::new(), Place::new());
    // `ip` of Debian 12 does not know its options, but makes one all the same.
    here.ip("link add nk0 type netkit");
    let other = here.links().into_iter().find(|name| !["lo", "nk0"].contains(&&name[..])).unwrap();
    here.ip(&format!("link set {other} netns {} name nk1", there.pid()));
    let (one_end, other_end) = (told(suite, &here, "nk0", &[]), told(suite, &there, "nk1", &[]));
    assert_eq!((&one_end["peer"]["name"], &other_end["peer"]["name"]), (&json!("nk1"), &json!("nk0")));
    assert_eq!((&one_end["peer"]["netns"], &one_end["parent"]), (&json!(there.netns()), &Value::Null));
    assert_eq!(other_end["peer"]["ifindex"], one(&here.ip("-j link show dev nk0"))["ifindex"]);
    Ok(())
}

/// `ethtool` tells groups at the margin, and features indented, or both in one.
fn offloads(suite: &Suite) -> Result<(), Failed> {
    let place = place();
    let look = || {
        let nic = told(suite, &place, "low", &["--offloads"]);
        let features = place.sh("ethtool -k low");
        for (name, on) in nic["offloads"].as_object().unwrap() {
            let line = features.lines().find(|line| line.trim().starts_with(&format!("{name}:")));
            if let Some(line) = line {
                assert_eq!(*on, line.contains(": on"), "{line}");
            }
        }
        let told = |line: &str| {
            let name = line.trim().split(':').next().unwrap_or_default();
            nic["offloads"].get(name).is_some()
        };
        // What is off for good is not told.
        let indented = features.lines().filter(|line| line.starts_with('\t'));
        for line in indented {
            assert_eq!(told(line), !line.ends_with("off [fixed]"), "{line}");
        }
        nic["offloads"].clone()
    };
    assert_eq!(look()["tx-checksum-ip-generic"], true);
    place.sh("ethtool -K low tx-checksum-ip-generic off");
    assert_eq!(look()["tx-checksum-ip-generic"], false);
    Ok(())
}
