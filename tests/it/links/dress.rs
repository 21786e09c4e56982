//! How a link works in its new place: settings, offloads, queue, netem, and the marks of what nicon gives.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Ran, wait_for};
use serde_json::{Value, json};

use crate::links::settings::{Ground, undo};
use crate::support::expect::{deed, record, records, refusal};
use crate::support::kernel::Feature;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::dress::a_moved_link_as_options_say", by_options),
        suite.trial_of_kernel(&[], "links::dress::a_moved_link_as_its_record_says", by_record),
        suite.trial_of_kernel(&[], "links::dress::settings_come_before_the_link_is_up", before_up),
        suite.trial_of_kernel(&[], "links::dress::all_or_back", all_or_back),
        suite.trial_of_kernel(&[], "links::dress::what_no_link_can_have", refused),
        suite.trial_of_kernel(&[], "links::dress::both_ends_of_a_pair", both_ends),
        suite.trial_of_kernel(&[], "links::dress::what_nicon_gives_is_marked", marked),
        suite.trial_of_kernel(&[Feature::Netem], "links::dress::netem", netem),
        suite.trial_of_kernel(&[Feature::Netem], "links::dress::a_pair_with_netem", pair_with_netem),
    ]
}

pub(crate) const OPTIONS: [&str; 11] = [
    "--nodad",
    "--addr=2001:db8::1/64",
    "--sysctl=ipv4.conf.rp_filter=2",
    "--sysctl=ipv6.conf.hop_limit=9",
    "--sysctl=ipv4.neigh.gc_stale_time=77",
    "--promisc=on",
    "--txqueuelen=77",
    "--offload=tx-checksumming=off",
    "--offload=gro=on",
    "--offload=txvlan=on",
    "--offload=tx-scatter-gather=off",
];

pub(crate) fn wishes() -> Value {
    json!({"nodad": true, "addr": "2001:db8::1/64", "promisc": true, "txqueuelen": 77,
        "sysctl": {"ipv4.conf.rp_filter": "2", "ipv6.conf.hop_limit": 9, "ipv4.neigh.gc_stale_time": 77},
        "offload": {"tx": false, "generic-receive-offload": true, "tx-scatter-gather": false}})
}

/// What the kernel tells of how a link works.
pub(crate) fn works(place: &Place, link: &str) -> [String; 4] {
    let told = one(&place.ip(&format!("-j -d link show dev {link}")));
    let settings = ["ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh"].map(|table| {
        place.sh(&format!("cd /proc/sys/net/{table}/{link} && for file in *; do echo $file $(cat $file 2>&1); done"))
    });
    let qdiscs = place.sh(&format!("tc qdisc show dev {link}"));
    [
        format!("{} {}", told["flags"], told["txqlen"]),
        place.sh(&format!("ethtool -k {link}")),
        settings.concat(),
        qdiscs,
    ]
}

/// Whether a link has all of the wishes.
pub(crate) fn has_all(place: &Place, link: &str) {
    let [flags, offloads, settings, _] = works(place, link);
    assert!(flags.contains("PROMISC") && flags.ends_with(" 77"), "{flags}");
    for offload in [
        "tx-checksumming: off",
        "tx-checksum-ip-generic: off",
        "tx-checksum-sctp: off",
        "generic-receive-offload: on",
        "tx-scatter-gather: off",
    ] {
        assert!(offloads.contains(offload), "{offload} is not in {offloads}");
    }
    for setting in ["rp_filter 2\n", "hop_limit 9\n", "gc_stale_time 77\n"] {
        assert!(settings.contains(setting), "{setting} is not in {settings}");
    }
    assert_eq!(place.sh(&format!("cat /proc/sys/net/ipv6/neigh/{link}/gc_stale_time")).trim(), "60");
    let address = place.ip(&format!("-6 -o addr show dev {link} to 2001:db8::1"));
    assert!(address.contains("nodad") && !address.contains("tentative"), "{address}");
}

fn by_options(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = (ground.state(), works(&ground.from, "v9"));
    let words = [&["v9", "eth1"], &OPTIONS[..]].concat();
    let planned = record(&ground.mv(suite, &[&["--dry-run"], &words[..]].concat()));
    let steps = planned["steps"].to_string();
    for step in [
        "sysctl -w net.ipv4.conf.eth1.rp_filter=2",
        "sysctl -w net.ipv4.neigh.eth1.gc_stale_time=77",
        "ethtool -K eth1 tx-checksumming off",
        "link set eth1 txqueuelen 77",
        "link set eth1 promisc on",
        "link set eth1 up",
        "address replace 2001:db8::1/64 dev eth1 nodad",
    ] {
        assert!(steps.contains(&format!("\"{step}\"")), "{step} is not in {steps}");
    }
    assert!(!steps.contains("txvlan"), "it is on already: {steps}");
    let moved = ground.mv(suite, &words);
    record(&moved);
    has_all(&ground.to, "eth1");
    let there = ground.state();
    assert_eq!(deed(&record(&ground.mv(suite, &words)))["changed"], false);
    assert_eq!(record(&ground.mv(suite, &[&["--dry-run"], &words[..]].concat()))["steps"], json!([]));
    ground.settles_as(&there);
    // What is not asked for any more stays as it is; what is asked for otherwise is changed.
    let again = ground.mv(suite, &["v9", "eth1", "--promisc=off", "--offload=tx=on", "--sysctl=ipv6.conf.hop_limit=7"]);
    assert_eq!(deed(&record(&again))["changed"], true);
    let [flags, offloads, settings, _] = works(&ground.to, "eth1");
    assert!(!flags.contains("PROMISC") && flags.ends_with(" 77"), "{flags}");
    assert!(offloads.contains("tx-checksum-ip-generic: on") && settings.contains("hop_limit 7\n"), "{offloads}");
    record(&undo(suite, &moved));
    ground.settles_as(&before.0);
    assert_eq!(works(&ground.from, "v9"), before.1);
    Ok(())
}

fn by_record(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = (ground.state(), works(&ground.from, "v9"));
    let mut asked = wishes();
    for (field, value) in [("link", json!("v9")), ("name", json!("eth1")), ("from", ground.from.pid().into())] {
        asked[field] = value;
    }
    asked["pid"] = ground.to.pid().into();
    let moved = suite.feed(&["nicon-linkmv"], format!("{asked}\n"));
    let told = record(&moved);
    for field in ["nodad", "sysctl", "promisc", "txqueuelen", "offload"] {
        assert_eq!(told[field], Value::Null, "{told}");
    }
    has_all(&ground.to, "eth1");
    assert_eq!(deed(&record(&suite.feed(&["nicon-linkmv"], format!("{asked}\n"))))["changed"], false);
    record(&undo(suite, &moved));
    ground.settles_as(&before.0);
    assert_eq!(works(&ground.from, "v9"), before.1);
    Ok(())
}

fn before_up(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let own = |place: &Place, link: &str| place.ip(&format!("-6 addr show dev {link} scope link"));
    // Shows that a link gets an address by itself here, and soon, unless it is told otherwise.
    ground.from.ip("link add z0 type veth peer name z1");
    ground.from.ip("link set z1 up");
    ground.from.ip(&format!("link set z0 netns {}", ground.to.pid()));
    ground.from.ip("link set p9 up");
    let comes_up = |link: &str| {
        wait_for(format_args!("a carrier of {link}"), || {
            ground.to.ip(&format!("link show dev {link}")).contains("LOWER_UP")
        });
        ground.to.ip("link set z0 down");
        assert_eq!(own(&ground.to, "z0"), "");
        ground.to.ip("link set z0 up");
        wait_for("an address of its own", || !own(&ground.to, "z0").is_empty());
    };
    record(&ground.mv(suite, &["v9", "eth1", "--sysctl=ipv6.conf.addr_gen_mode=1"]));
    comes_up("eth1");
    assert_eq!(ground.to.ip("-6 addr show dev eth1"), "");
    let (first, second) = (ground.to.pid().to_string(), ground.from.pid().to_string());
    let pair = ["nicon-veth", "-t", &first, "-t", &second, "x0", "y0", "--sysctl=ipv6.conf.addr_gen_mode=1"];
    records(&suite.run(&pair));
    comes_up("x0");
    assert_eq!([ground.to.ip("-6 addr show dev x0"), ground.from.ip("-6 addr show dev y0")].concat(), "");
    Ok(())
}

fn all_or_back(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = (ground.state(), works(&ground.from, "v9"));
    let bad = |ran: &Ran, why: &str| {
        refusal(ran, 2, &[why]);
        ground.settles_as(&before.0);
        assert_eq!(works(&ground.from, "v9"), before.1);
    };
    bad(&ground.mv(suite, &[&["v9", "eth1", "--mtu=70000"], &OPTIONS[..]].concat()), "MTU 70000 is out of range");
    // The address is the last thing that the link gets.
    bad(&ground.mv(suite, &[&["v9", "eth1", "--addr=ff02::1/64"], &OPTIONS[..]].concat()), "add address ff02::1/64");

    // A link that was moved already keeps what it had there. (One without a carrier would keep a route of the kernel's for good.)
    ground.from.ip("link set p9 up");
    record(&ground.mv(suite, &["v9", "eth1", "--promisc=on", "--sysctl=ipv4.conf.rp_filter=1"]));
    let there = (ground.state(), works(&ground.to, "eth1"));
    let failed = ground.mv(suite, &[&["v9", "eth1", "--addr=ff02::1/64", "--promisc=off"], &OPTIONS[..5]].concat());
    refusal(&failed, 2, &["add address ff02::1/64"]);
    ground.settles_as(&there.0);
    assert_eq!(works(&ground.to, "eth1"), there.1);
    Ok(())
}

fn refused(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    for (status, words, why) in [
        (1, &["--offload=tx-chksumming=off"][..], "similar: tx-checksumming"),
        (2, &["--offload=tx-vlan-offload=on", "--offload=txvlan=off"], "oppose each other"),
        (2, &["--offload=hsr-tag-ins-offload=on"], "it is fixed, off"),
        (2, &["--sysctl=ipv4.conf.no_such=1"], "has no setting ipv4.conf.no_such"),
        (2, &["--sysctl=ipv4.conf.all.forwarding=1"], "leave out the link's name"),
        (2, &["--sysctl=ipv4.conf.rp_filter=x"], "set ipv4/conf/rp_filter of eth1 to x"),
        (2, &["--delay=10"], "is not a time like 10ms"),
        (2, &["--jitter=1ms"], "--delay"),
        (2, &["--isolated"], "is no port of a bridge"),
        (2, &["--vlan=5000"], "not a VLAN ID"),
    ] {
        let ran = ground.mv(suite, &[&["v9", "eth1"], words].concat());
        assert_eq!(
            (ran.code(), &ran.stdout[..], ran.stderr.contains(why)),
            (Some(status), "", true),
            "{words:?}: {ran:?}"
        );
        ground.settles_as(&before);
    }
    Ok(())
}

fn both_ends(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new()];
    let [first, second] = places.each_ref().map(|place| place.pid().to_string());
    let words = [&["nicon-veth", "-t", &first, "-t", &second, "x0", "y0", "--peer-addr=2001:db8::1/64"], &OPTIONS[..]];
    let words: Vec<&str> = words.concat();
    let planned = records(&suite.run(&[&words[..], &["--dry-run"]].concat()));
    assert!(planned[1]["steps"].to_string().contains("ethtool -K y0 tx-checksumming off"), "{}", planned[1]);
    let made = suite.run(&words);
    records(&made);
    has_all(&places[0], "x0");
    has_all(&places[1], "y0");
    assert!(records(&suite.run(&words)).iter().all(|record| deed(record)["changed"] == false));
    suite.feed(&["nicon-veth", "--undo"], &made.stdout).ok()?;

    let end = |place: &Place, name: &str, more: Value| {
        let mut end = more;
        for (field, value) in [("pid", place.pid().into()), ("pair", json!("a")), ("name", json!(name))] {
            end[field] = value;
        }
        format!("{end}\n")
    };
    let input = [end(&places[0], "x1", wishes()), end(&places[1], "y1", json!({"promisc": true}))].concat();
    records(&suite.feed(&["nicon-veth"], &input));
    has_all(&places[0], "x1");
    let peer = works(&places[1], "y1");
    assert!(peer[0].contains("PROMISC") && peer[1].contains("tx-checksumming: on"), "{peer:?}");
    assert!(records(&suite.feed(&["nicon-veth"], &input)).iter().all(|record| deed(record)["changed"] == false));
    refusal(&suite.feed(&["nicon-veth", "--nodad"], &input), 2, &["name both ends"]);
    Ok(())
}

/// An attribute of an address, `IFA_PROTO`, with the number 110, as a hexadecimal dump of the kernel's messages has it.
const PROTO: &str = "05000b006e";

fn marked(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let words = ["--addr=192.0.2.1/24", "--addr=2001:db8::1/64", "--gateway=192.0.2.2", "--route=2001:db8:8::/64"];
    let moved = ground.mv(suite, &[&["v9", "eth1"], &words[..]].concat());
    record(&moved);
    for (family, route) in [("-4", "default via 192.0.2.2"), ("-6", "2001:db8:8::/64")] {
        let ours = ground.to.ip(&format!("{family} route show dev eth1 proto 110"));
        assert!(ours.contains(route) && ours.lines().count() == 1, "{ours}");
        let saved =
            format!("ip {family} addr save dev eth1 to {}", if family == "-4" { "192.0.2.1" } else { "2001:db8::1" });
        let dump = ground.to.sh(&format!("{saved} | od -An -v -tx1 | tr -d ' \\n'"));
        assert!(dump.contains(PROTO), "{dump}");
    }
    // A user's own counts as there, and stays a user's.
    ground.to.ip("addr del 192.0.2.1/24 dev eth1");
    ground.to.ip("addr add 192.0.2.1/24 dev eth1");
    ground.to.ip("route add default via 192.0.2.2");
    let again = ground.mv(suite, &[&["v9", "eth1"], &words[..]].concat());
    assert_eq!(deed(&record(&again))["changed"], false);
    assert_eq!(ground.to.ip("-4 route show dev eth1 proto 110"), "");
    Ok(())
}

/// The netem of a link, as `tc` tells it.
pub(crate) fn qdisc(place: &Place, link: &str) -> Value {
    let mut listed: Vec<Value> = serde_json::from_str(&place.sh(&format!("tc -j qdisc show dev {link}"))).unwrap();
    listed.retain(|qdisc| qdisc["root"] == true);
    listed.pop().unwrap_or_default()
}

fn netem(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = (ground.state(), works(&ground.from, "v9"));
    let words = ["v9", "eth1", "--delay=10ms", "--jitter=2ms", "--loss=0.5%", "--rate=10mbit"];
    let planned = record(&ground.mv(suite, &[&["--dry-run"], &words[..]].concat()));
    let step = "tc qdisc replace dev eth1 root handle 6e69: netem delay 10ms 2ms loss 0.5% rate 10mbit";
    assert!(planned["steps"].to_string().contains(step), "{planned}");
    let moved = ground.mv(suite, &words);
    record(&moved);
    let given = qdisc(&ground.to, "eth1");
    assert_eq!((&given["kind"], &given["handle"]), (&json!("netem"), &json!("6e69:")), "{given}");
    let options = &given["options"];
    let near = |value: &Value, wanted: f64| (value.as_f64().unwrap_or_default() - wanted).abs() < 2e-6;
    assert!(near(&options["delay"]["delay"], 0.01) && near(&options["delay"]["jitter"], 0.002), "{given}");
    assert!(near(&options["loss-random"]["loss"], 0.005), "{given}");
    assert_eq!(options["rate"]["rate"], json!(1_250_000), "{given}");
    assert_eq!(deed(&record(&ground.mv(suite, &words)))["changed"], false);

    // All of it is changed where it is, and what is not asked for is off.
    let other = ["v9", "eth1", "--delay=1500us"];
    assert_eq!(deed(&record(&ground.mv(suite, &other)))["changed"], true);
    let changed = qdisc(&ground.to, "eth1");
    assert_eq!(
        (&changed["options"]["rate"], &changed["options"]["loss-random"]),
        (&Value::Null, &Value::Null),
        "{changed}"
    );
    assert!(near(&changed["options"]["delay"]["delay"], 0.0015), "{changed}");
    assert_eq!(deed(&record(&ground.mv(suite, &other)))["changed"], false);
    // A failure behind it restores it.
    refusal(&ground.mv(suite, &[&words[..], &["--addr=ff02::1/64"]].concat()), 2, &["add address ff02::1/64"]);
    assert_eq!(qdisc(&ground.to, "eth1"), changed);
    record(&undo(suite, &moved));
    ground.settles_as(&before.0);
    assert_eq!(works(&ground.from, "v9"), before.1);

    // Somebody else's stays.
    record(&ground.mv(suite, &["v9", "eth1"]));
    ground.to.sh("tc qdisc add dev eth1 root handle 7: netem delay 3ms");
    refusal(&ground.mv(suite, &other), 2, &["has a qdisc already: netem 7: root", "tc qdisc del dev eth1 root"]);
    assert_eq!(qdisc(&ground.to, "eth1")["handle"], "7:");
    Ok(())
}

fn pair_with_netem(suite: &Suite) -> Result<(), Failed> {
    let places = [Place::new(), Place::new()];
    let [first, second] = places.each_ref().map(|place| place.pid().to_string());
    let words = ["nicon-veth", "-t", &first, "-t", &second, "x0", "y0", "--delay=5ms", "--rate=40gbit"];
    records(&suite.run(&words));
    for (place, link) in [(&places[0], "x0"), (&places[1], "y0")] {
        let given = qdisc(place, link);
        assert_eq!(given["options"]["rate"]["rate"], json!(5_000_000_000_u64), "{given}");
        assert!(place.ip(&format!("link show dev {link}")).contains("LOWER_UP"));
    }
    assert!(records(&suite.run(&words)).iter().all(|record| deed(record)["changed"] == false));
    Ok(())
}
