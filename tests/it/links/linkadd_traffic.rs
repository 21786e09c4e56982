//! What nicon-linkadd made carries packets.

use libtest_mimic::{Failed, Trial};

use crate::links::linkadd::{on_low, two_places};
use crate::support::expect::record;
use crate::support::kernel::Feature;
use crate::support::links::Place;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[Feature::LinkKind("macvlan")], "links::linkadd::traffic::macvlans", macvlans),
        suite.trial_of_kernel(&[Feature::LinkKind("ipvlan")], "links::linkadd::traffic::ipvlans", ipvlans),
        suite.trial_of_kernel(&[Feature::LinkKind("vlan")], "links::linkadd::traffic::vlans", vlans),
        suite.trial_of_kernel(&[Feature::LinkKind("vxlan")], "links::linkadd::traffic::vxlans", vxlans),
        suite.trial_of_kernel(&[], "links::linkadd::traffic::through_a_bridge", through_a_bridge),
    ]
}

/// Two containers with a link each on one of a third place.
fn on_one_parent(suite: &Suite, words: &[&str]) -> Result<(), Failed> {
    let (lower, one) = two_places();
    let other = Place::new();
    for (own, addr) in [(&one, "--addr=192.0.2.1/24"), (&other, "--addr=192.0.2.2/24")] {
        record(&on_low(suite, (&lower, own), &[words, &["eth1", addr]].concat()));
    }
    one.reaches("192.0.2.2");
    other.reaches("192.0.2.1");
    Ok(())
}

fn macvlans(suite: &Suite) -> Result<(), Failed> {
    on_one_parent(suite, &["macvlan"])
}

fn ipvlans(suite: &Suite) -> Result<(), Failed> {
    on_one_parent(suite, &["ipvlan"])
}

/// One VLAN of each end of a veth pair, both in places of their own.
fn vlans(suite: &Suite) -> Result<(), Failed> {
    let (lower, one) = two_places();
    let other = Place::new();
    for (own, parent, addr) in [(&one, "low", "--addr=192.0.2.1/24"), (&other, "high", "--addr=192.0.2.2/24")] {
        let [from, target] = [&lower, own].map(|place| place.pid().to_string());
        let parent = format!("--parent={parent}");
        record(&suite.run(&["nicon-linkadd", "-f", &from, "-t", &target, "vlan", "eth1", "--vid=7", &parent, addr]));
    }
    one.reaches("192.0.2.2");
    Ok(())
}

/// Containers that are connected only by a VXLAN, which sends from two hosts.
fn vxlans(suite: &Suite) -> Result<(), Failed> {
    let hosts = [Place::new(), Place::new()];
    hosts[0].ip(&format!("link add u0 type veth peer name u1 netns {}", hosts[1].pid()));
    let containers = [Place::new(), Place::new()];
    for (at, host) in hosts.iter().enumerate() {
        host.ip(&format!("link set u{at} up"));
        host.ip(&format!("addr add 198.51.100.{}/24 dev u{at}", at + 1));
    }
    for (at, (host, container)) in hosts.iter().zip(&containers).enumerate() {
        let [from, target] = [host, container].map(|place| place.pid().to_string());
        let (remote, addr) = (format!("--remote=198.51.100.{}", 2 - at), format!("--addr=192.0.2.{}/24", at + 1));
        let words =
            ["nicon-linkadd", "vxlan", "eth1", "-f", &from, "-t", &target, "--vni=100", &remote, &addr, "--mtu=1450"];
        record(&suite.run(&words));
        assert_eq!(host.links(), ["lo", &format!("u{at}")], "nothing of it is where it sends from");
    }
    containers[0].reaches("192.0.2.2");
    Ok(())
}

fn through_a_bridge(suite: &Suite) -> Result<(), Failed> {
    let (switch, one, other) = (Place::new(), Place::new(), Place::new());
    let at = switch.pid().to_string();
    record(&suite.run(&["nicon-linkadd", "bridge", "br0", "-t", &at]));
    for (place, port, addr) in [(&one, "p1", "--peer-addr=192.0.2.1/24"), (&other, "p2", "--peer-addr=192.0.2.2/24")] {
        let pid = place.pid().to_string();
        suite.run(&["nicon-veth", "-t", &at, "-t", &pid, port, "eth1", "--master=br0", addr]).ok()?;
    }
    one.reaches("192.0.2.2");
    Ok(())
}
