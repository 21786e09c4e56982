//! Links that nicon-linkadd stitches to others: what arrives at one leaves by the other.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Ran;
use serde_json::{Value, json};

use crate::links::linkadd::without_ipv6;
use crate::support::expect::{deed, record, refusal, undone};
use crate::support::kernel::Feature;
use crate::support::killed;
use crate::support::links::Place;
use crate::support::suite::Suite;

const VXLAN: &[Feature] = &[Feature::LinkKind("vxlan")];

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(VXLAN, "links::linkadd::stitch::carries_packets_both_ways", carries_packets),
        suite.trial_of_kernel(VXLAN, "links::linkadd::stitch::is_undone_with_the_link", is_undone),
        suite.trial_of_kernel(VXLAN, "links::linkadd::stitch::what_others_have_put_there_stays", others_filters),
        suite.trial_of_kernel(VXLAN, "links::linkadd::stitch::all_or_nothing", all_or_nothing),
        suite.trial_of_kernel(
            &[Feature::LinkKind("vxlan"), Feature::FullSpeed],
            "links::linkadd::stitch::killed_at_each_call",
            killed_at_each_call,
        ),
    ]
}

/// A host with a link to a container.
fn host() -> (Place, Place) {
    let (host, container) = (Place::new(), Place::new());
    without_ipv6(&host);
    host.ip(&format!("link add port type veth peer name eth1 netns {}", container.pid()));
    host.ip("link set port up");
    container.ip("link set eth1 up");
    (host, container)
}

fn stitch(suite: &Suite, host: &Place, words: &[&str]) -> Ran {
    let pid = host.pid().to_string();
    suite.run(&[&["nicon-linkadd", "vxlan", "vx1", "-t", &pid, "-f=target", "--stitch=port"], words].concat())
}

/// The filters and queueing disciplines of a host's links.
fn filters(host: &Place) -> String {
    // A link has no queueing discipline before the kernel has noticed its carrier.
    host.rest();
    let links = host.links().into_iter().filter(|link| link != "lo");
    links.map(|link| host.sh(&format!("tc qdisc show dev {link}; tc filter show dev {link} ingress"))).collect()
}

fn carries_packets(suite: &Suite) -> Result<(), Failed> {
    let ends = [host(), host()];
    ends[0].0.ip(&format!("link add under type veth peer name under netns {}", ends[1].0.pid()));
    for (at, (host, container)) in ends.iter().enumerate() {
        host.ip("link set under up");
        host.ip(&format!("addr add 198.51.100.{}/24 dev under", at + 1));
        container.ip(&format!("addr add 192.0.2.{}/24 dev eth1", at + 1));
        let remote = format!("--remote=198.51.100.{}", 2 - at);
        let made = stitch(suite, host, &["--vni=5", &remote]);
        assert_eq!(deed(&record(&made))["undo"]["stitch"]["name"], "port");
    }
    ends[0].1.reaches("192.0.2.2");
    // Once more is no change, and a stitch that is gone is made again.
    let again = || stitch(suite, &ends[0].0, &["--vni=5", "--remote=198.51.100.2"]);
    assert_eq!(deed(&record(&again()))["changed"], false);
    ends[0].0.sh("tc qdisc del dev port clsact");
    assert_eq!(deed(&record(&again()))["changed"], true);
    ends[0].1.reaches("192.0.2.2");
    Ok(())
}

fn is_undone(suite: &Suite) -> Result<(), Failed> {
    let (host, _container) = host();
    let before = filters(&host);
    let made = stitch(suite, &host, &["--vni=5"]);
    let made = made.ok()?;
    assert!(filters(&host).contains("mirred") && filters(&host).contains("pref 28265"), "{}", filters(&host));
    suite.feed(&["nicon-linkadd", "--undo"], &made).ok()?;
    assert_eq!((host.links(), filters(&host)), (vec!["lo".to_owned(), "port".into()], before.clone()));
    // Whoever removed the link has left the other one sending all into the void.
    let made = stitch(suite, &host, &["--vni=5"]).ok()?;
    host.ip("link del vx1");
    assert!(filters(&host).contains("mirred"));
    let after = record(&suite.feed(&["nicon-linkadd", "--undo"], &made));
    assert_eq!((undone(&after)["changed"].clone(), filters(&host)), (json!(false), before));
    Ok(())
}

fn others_filters(suite: &Suite) -> Result<(), Failed> {
    let (host, _container) = host();
    host.ip("link add third type bridge");
    host.sh("tc qdisc add dev port ingress");
    host.sh(
        "tc filter add dev port ingress pref 7 protocol ip u32 match ip dst 203.0.113.7 action mirred egress mirror dev third",
    );
    let before = filters(&host);
    let made = stitch(suite, &host, &["--vni=5"]).ok()?;
    assert_ne!(filters(&host), before);
    suite.feed(&["nicon-linkadd", "--undo"], &made).ok()?;
    assert_eq!(filters(&host), before);
    Ok(())
}

fn all_or_nothing(suite: &Suite) -> Result<(), Failed> {
    let (host, _container) = host();
    let state = || (host.links(), filters(&host));
    let before = state();
    let pid = host.pid().to_string();
    let none = suite.run(&["nicon-linkadd", "vxlan", "vx1", "-t", &pid, "-f=target", "--vni=5", "--stitch=none"]);
    refusal(&none, 1, &["stitch: no link none in process"]);
    let bridge = suite.run(&["nicon-linkadd", "bridge", "br0", "-t", &pid, "--stitch=port"]);
    refusal(&bridge, 2, &["a bridge has no \"stitch\""]);
    // The last step fails: a link-local address of IPv6 stays tentative, or the carrier is missing.
    host.ip("link set port down");
    host.ip("link set port up");
    let late = stitch(suite, &host, &["--vni=5", "--wait=0.1", "--addr=ff02::1/64"]);
    assert_eq!(late.code(), Some(2), "{late:?}");
    assert_eq!(state(), before);
    let planned = record(&stitch(suite, &host, &["--vni=5", "-n"]));
    assert_eq!(planned["steps"].as_array().unwrap().last().unwrap(), &json!("stitch vx1 and port, both ways"));
    assert_eq!(state(), before);
    stitch(suite, &host, &["--vni=5"]).ok()?;
    assert_eq!(record(&stitch(suite, &host, &["--vni=5", "-n"]))["steps"], Value::Array(Vec::new()));
    // One link is stitched to one other.
    let second = suite.run(&["nicon-linkadd", "vxlan", "vx2", "-t", &pid, "-f=target", "--vni=6", "--stitch=port"]);
    refusal(&second, 1, &["port in process", "is stitched to vx1 already"]);
    assert_eq!(host.links(), ["lo", "port", "vx1"]);
    Ok(())
}

/// Whatever call it dies at, the same command completes it.
fn killed_at_each_call(suite: &Suite) -> Result<(), Failed> {
    let (host, _container) = host();
    let pid = host.pid().to_string();
    let words = ["nicon-linkadd", "vxlan", "vx1", "-t", &pid, "-f=target", "--vni=5", "--stitch=port"];
    record(&suite.run(&words));
    let wanted = filters(&host);
    host.ip("link del vx1");
    let numbers = |text: &str| text.replace(char::is_numeric, "");
    let kills = killed::at_each_call(suite, (&words, "", 0), || {
        record(&suite.run(&words));
        assert_eq!(numbers(&filters(&host)), numbers(&wanted));
        host.ip("link del vx1");
        Ok(())
    })?;
    assert!(kills > 5, "{kills} kills");
    Ok(())
}
