//! What a move that fails and an undo put back, besides addresses and routes; and what they cannot put back.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{becomes, wait_for};
use serde_json::{Value, json};

use crate::links::settings::{Ground, undo};
use crate::links::undo::furnished;
use crate::support::expect::{deed, parse, record, refusal};
use crate::support::kernel::Feature;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::restored::after_a_move_that_fails_late", after_a_failure),
        suite.trial_of_kernel(&[], "links::restored::what_cannot_be_is_refused", unrestorable),
        suite.trial_of_kernel(&[], "links::restored::all_that_can_be_and_the_rest_is_told", partly),
        suite.trial_of_kernel(&[], "links::restored::what_the_container_changed", changed_meanwhile),
        suite.trial_of_kernel(&[Feature::BridgeVlans], "links::restored::vlans_of_a_port", vlans),
    ]
}

/// A qdisc of each kind that this kernel has, as a whole tree.
const QDISCS: &str = "\
    tc qdisc add dev v9 root handle 1: prio bands 4 2>/dev/null && \
        tc qdisc add dev v9 parent 1:2 handle 20: tbf rate 3mbit burst 9kb limit 70kb && \
        tc qdisc add dev v9 parent 1:1 handle 10: pfifo limit 77 || \
    tc qdisc add dev v9 root handle 1: tbf rate 3mbit burst 9kb limit 70kb && \
        tc qdisc add dev v9 parent 1:1 handle 10: pfifo limit 77
    tc qdisc add dev v9 clsact";

/// What `tc` tells of a link, without counters.
fn qdiscs(place: &Place, link: &str) -> String {
    place.sh(&format!("tc -d qdisc show dev {link} | sed 's/direct_packets_stat [0-9]*//'"))
}

fn offloads(place: &Place, link: &str) -> String {
    place.sh(&format!("ethtool -k {link}"))
}

fn after_a_failure(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    furnished(|line| ground.from.ip(line), "v9", "p9");
    ground.from.sh(QDISCS);
    ground.from.ip("link set v9 arp off promisc on allmulticast on group 7 txqueuelen 55");
    ground.from.sh("ethtool -K v9 tx off && bridge fdb add 02:00:5e:00:53:31 dev v9 self");
    ground.from.rest();
    ground.from.ip("link set p9 down");
    let fdb = || ground.from.sh("bridge fdb show dev v9 | grep 53:31 || true");
    let state = || (ground.state(), qdiscs(&ground.from, "v9"), offloads(&ground.from, "v9"), fdb());
    let before = state();
    let failed = ground.mv(suite, &["v9", "eth1", "--wait", "0.1", "--mtu", "1300", "--mac", "02:00:5e:00:53:99"]);
    refusal(&failed, 1, &["no carrier"]);
    becomes(&state, &before);
    // With a root of another kind, of which the kernel reports a counter among the parameters.
    ground.from.sh("tc qdisc replace dev v9 root handle 2: htb default 5 r2q 7");
    let before = state();
    refusal(&ground.mv(suite, &["v9", "eth1", "--wait", "0.1"]), 1, &["no carrier"]);
    becomes(&state, &before);
    Ok(())
}

fn unrestorable(suite: &Suite) -> Result<(), Failed> {
    let gateways = "addr add 192.0.2.1/24 dev v9\nlink add v8 type veth peer name p8\nlink set p8 up\nlink set v8 up
        addr add 198.51.100.1/24 dev v8
        route add 203.0.113.0/24 nexthop via 192.0.2.2 dev v9 nexthop via 198.51.100.2 dev v8";
    for (batch, script, words) in [
        (
            "",
            "tc qdisc add dev v9 root handle 1: htb && tc class add dev v9 classid 1:1 parent 1: htb rate 1mbit",
            "qdisc htb 1: root with 1 class",
        ),
        (
            "",
            "tc qdisc add dev v9 ingress && tc filter add dev v9 parent ffff: prio 1 protocol ip u32 match u32 0 0 classid 1:1",
            "qdisc ingress ffff: parent ffff:fff1 with filters",
        ),
        (
            "",
            "tc qdisc add dev v9 clsact && tc filter add dev v9 egress prio 1 protocol ip u32 match u32 0 0 classid 1:1",
            "qdisc clsact ffff: parent ffff:fff1 with filters",
        ),
        ("", "tc qdisc add dev v9 ingress_block 7 clsact", "with a shared block"),
        (gateways, "true", "route 203.0.113.0/24 via 192.0.2.2 (one way of 2)"),
        ("nexthop add id 77 via 192.0.2.2 dev v9", "true", "nexthop 77"),
        ("maddr add 33:33:00:00:53:31 dev v9", "true", "maddr 33:33:00:00:53:31"),
        ("addr add 239.1.1.1/32 dev v9 autojoin", "true", "autojoin 239.1.1.1/32"),
        ("", "echo 1 >/proc/sys/net/ipv6/conf/v9/accept_ra && ip token set ::7 dev v9", "ipv6 token ::7"),
        ("", "echo 2001:db8::7 >/proc/sys/net/ipv6/conf/v9/stable_secret", "ipv6 stable_secret"),
    ] {
        let ground = Ground::new();
        ground.from.ip_batch("link set p9 up\nlink set v9 up\naddr add 192.0.2.9/24 dev v9");
        ground.from.ip_batch(batch);
        ground.from.sh(script);
        ground.from.rest();
        let state = || (ground.from.ip("-4 -j addr"), ground.from.ip("route"), qdiscs(&ground.from, "v9"));
        let before = state();
        refusal(&ground.mv(suite, &["v9", "eth1"]), 2, &["v9 would lose for good", words, "--force"]);
        assert_eq!(state(), before);
        assert!(deed(&record(&ground.mv(suite, &["--force", "v9", "eth1"])))["lost"].is_object());
    }
    Ok(())
}

/// A name that is taken and a bridge that is gone cost neither the addresses nor anything else.
fn partly(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    furnished(|line| ground.from.ip(line), "v9", "p9");
    ground.from.ip("link add br0 type bridge");
    ground.from.ip("link set br0 up");
    ground.from.ip("link set v9 master br0");
    let state = || {
        let mut state = ground.from.state("v9");
        // A new bridge gives new numbers to its ports, and has another address.
        let mut link = one(&state[0]);
        link["linkinfo"] = link["linkinfo"]["info_slave_kind"].clone();
        link.as_object_mut().map(|link| link.remove("altnames"));
        state[0] = link.to_string();
        state
    };
    wait_for("a link that is up", || state()[0].contains("\"UP\""));
    let before = state();
    let moved = ground.mv(suite, &["--force", "v9", "eth1"]);
    record(&moved);
    let old = one(&ground.from.ip("-j link show dev br0"))["ifindex"].clone();
    ground.from.ip("link del br0");
    ground.from.ip("link add br0 type bridge");
    ground.from.ip("link set br0 up");
    assert_ne!(one(&ground.from.ip("-j link show dev br0"))["ifindex"], old);
    ground.from.ip("link add other type bridge");
    ground.from.ip("link property add dev other altname v9-also");

    let back = undo(suite, &moved);
    assert_eq!(back.code(), Some(2), "{back:?}");
    assert!(back.stderr.contains("v9 is back, but not all that it had: add alternative name v9-also"), "{back:?}");
    let told = &parse(&back.stdout)[0]["undone"][0];
    let missing = told["missing"].as_array().ok_or("nothing is missing")?;
    assert!(missing.len() == 1 && missing[0].as_str().is_some_and(|text| text.contains("v9-also")), "{told}");
    becomes(&state, &before);
    // Once the name is free, the same undo gives it back.
    ground.from.ip("link property del dev other altname v9-also");
    let again = record(&undo(suite, &moved));
    assert_eq!(again["undone"][0]["missing"], Value::Null);
    assert_eq!(one(&ground.from.ip("-j link show dev v9"))["altnames"], json!(["v9-also"]));

    // Without any bridge of the name the rest is there all the same.
    let moved = ground.mv(suite, &["--force", "v9", "eth1"]);
    ground.from.ip("link del br0");
    let back = undo(suite, &moved);
    assert_eq!(back.code(), Some(2), "{back:?}");
    assert!(back.stderr.contains("make it a port of br0: it is gone"), "{back:?}");
    becomes(|| state()[1..].to_vec(), &before[1..].to_vec());
    Ok(())
}

fn changed_meanwhile(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    furnished(|line| ground.from.ip(line), "v9", "p9");
    ground.from.ip("link set v9 multicast off promisc on dynamic on");
    ground.from.sh("ethtool -K v9 gro on tx-checksum-ip-generic off");
    let state = || (ground.state(), offloads(&ground.from, "v9"));
    let before = state();
    let moved = ground.mv(suite, &["v9", "eth1"]);
    record(&moved);
    ground.to.ip("link set eth1 arp off multicast on promisc off allmulticast on dynamic off txqueuelen 5 group 7");
    ground.to.ip("link set eth1 gso_max_size 30000 gso_max_segs 17 gro_max_size 31000 mode dormant");
    ground.to.sh("ethtool -K eth1 gro off tx-checksum-ip-generic on tso off");
    record(&undo(suite, &moved));
    becomes(&state, &before);
    Ok(())
}

fn vlans(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    ground.from.ip_batch(
        "link add br0 type bridge vlan_filtering 1\nlink set br0 up\nlink set v9 master br0\nlink set v9 up
        link set v9 type bridge_slave hairpin on cost 77 vlan_tunnel on",
    );
    ground.from.sh(
        "bridge vlan del dev v9 vid 1 && bridge vlan add dev v9 vid 10-20 && bridge vlan add dev v9 vid 30 pvid untagged && \
         bridge vlan add dev v9 vid 100-4000 untagged && bridge vlan add dev v9 vid 12 tunnel_info id 1012",
    );
    let vlans = || {
        let shown = ground.from.sh("bridge -j vlan show dev v9 && bridge -j vlan tunnelshow dev v9");
        let mut info = one(&ground.from.ip("-j -d link show dev v9"))["linkinfo"].take();
        info["info_slave_data"].as_object_mut().unwrap().retain(|setting, _| !setting.ends_with("_timer"));
        (shown, info)
    };
    let before = vlans();
    let moved = ground.mv(suite, &["--force", "v9", "eth1"]);
    let lost = deed(&record(&moved))["lost"]["vlan"].clone();
    assert_eq!(lost, json!(["10-20", "30 PVID untagged", "100-4000 untagged"]));
    record(&undo(suite, &moved));
    assert_eq!(vlans(), before);
    refusal(&ground.mv(suite, &["--force", "v9", "eth1", "--wait", "0.1"]), 1, &["no carrier"]);
    assert_eq!(vlans(), before);
    Ok(())
}
