//! What nicon-linkmv gives a link in its new place.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Ran, becomes};
use serde_json::{Value, json};

use crate::support::expect::{deed, record};
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::settings::a_link_as_told", a_link_as_told),
        suite.trial_of_kernel(&[], "links::settings::what_is_told_of_one_link_is_not_asked_of_another", of_one_link),
        suite.trial_of_kernel(&[], "links::settings::told_again_only_what_lacks_is_added", told_again),
        suite.trial_of_kernel(&[], "links::settings::all_or_back", all_or_back),
    ]
}

/// A namespace with a veth in it, and one to move it to.
pub(crate) struct Ground {
    pub(crate) from: Place,
    pub(crate) to: Place,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let (from, to) = (Place::new(), Place::new());
        from.ip("link add v9 type veth peer name p9");
        Self { from, to }
    }

    pub(crate) fn mv(&self, suite: &Suite, words: &[&str]) -> Ran {
        let (from, to) = (self.from.pid().to_string(), self.to.pid().to_string());
        suite.run(&[&["nicon-linkmv", "-f", &from, "-t", &to], words].concat())
    }

    /// All that `ip` tells of both, once nothing changes by itself any more. Which of two equal routes of different links comes first is not kept.
    pub(crate) fn state(&self) -> [[String; 3]; 2] {
        let routes = |place: &Place, line: &str| {
            let text = place.ip(line);
            let mut lines: Vec<_> = text.lines().collect();
            lines.sort_unstable();
            lines.join("\n")
        };
        let of = |place: &Place| {
            place.rest();
            [place.ip("-j -d addr"), routes(place, "route show table all"), routes(place, "-6 route show table all")]
        };
        [of(&self.from), of(&self.to)]
    }

    pub(crate) fn settles_as(&self, before: &[[String; 3]; 2]) {
        becomes(|| self.state(), before);
    }
}

pub(crate) fn undo(suite: &Suite, moved: &Ran) -> Ran {
    suite.feed(&["nicon-linkmv", "--undo"], &moved.stdout)
}

pub(crate) const ALL: [&str; 13] = [
    "v9",
    "eth1",
    "--addr=192.0.2.1/24",
    "--addr=2001:db8::1/64",
    "--gateway=192.0.2.2",
    "--gateway=2001:db8::2",
    "--route=198.51.100.0/24,192.0.2.3",
    "--route=203.0.113.0/25",
    "--mtu=1400",
    "--mac=02:00:5e:00:53:21",
    "--alias=up link",
    "--altname=wan",
    "--altname=a-name-of-more-than-fifteen-bytes",
];

/// What a program printed of a link that it moved, made or listed, with a link on the command line of the next.
fn of_one_link(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    ground.from.ip_batch("link add v1 mtu 1300 type veth peer name p1\nlink add v2 type veth peer name p2\nlink add v3 type veth peer name p3");
    ground.to.ip_batch("link add br0 type bridge\nlink add port0 master br0 type veth peer name port1");
    let (from, to) = (ground.from.pid().to_string(), ground.to.pid().to_string());
    let made = suite.run(&["nicon-veth", "-t", &to, "-t", &to, "one", "other", "--mtu=1200", "--addr=192.0.2.1/24"]);
    let listed = suite.run(&["nicon-links", "-t", &to]);
    let is_port = |line: &&str| serde_json::from_str(line).is_ok_and(|record: Value| record["nic"]["name"] == "port0");
    let port = listed.ok()?.lines().find(is_port).ok_or("no port0")?.to_owned();
    assert!(port.contains("\"master\":{"), "{port}");
    for (link, name, told) in [
        ("v1", "eth1", ground.mv(suite, &["v9", "eth0", "--mac=02:00:5e:00:53:21", "--mtu=1400"]).ok()?),
        ("v2", "eth2", made.ok()?.lines().next().ok_or("nothing was made")?.to_owned()),
        ("v3", "eth3", port),
    ] {
        let before = one(&ground.from.ip(&format!("-j link show dev {link}")));
        let moved = suite.feed(&["nicon-linkmv", "-f", &from, link, name], format!("{told}\n"));
        assert_eq!(record(&moved)["nic"]["name"], name);
        let after = one(&ground.to.ip(&format!("-j addr show dev {name}")));
        for kept in ["address", "mtu", "master"] {
            assert_eq!(after[kept], before[kept], "{kept}: {after}");
        }
        assert!(!after.to_string().contains("192.0.2.1"), "{after}");
    }
    Ok(())
}

fn a_link_as_told(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    let moved = ground.mv(suite, &ALL);
    assert_eq!(record(&moved)["nic"]["mac"], "02:00:5e:00:53:21");
    ground.to.rest();
    let there = one(&ground.to.ip("-j -d addr show dev eth1"));
    assert_eq!((&there["mtu"], &there["address"]), (&json!(1400), &json!("02:00:5e:00:53:21")));
    assert_eq!((&there["ifalias"], &there["flags"][0]), (&json!("up link"), &json!("NO-CARRIER")));
    let trace = there["altnames"][2].as_str().unwrap_or_default();
    assert!(trace.starts_with(&format!("nicon-from.{}.", ground.from.netns())), "{there}");
    assert_eq!(there["altnames"], json!(["wan", "a-name-of-more-than-fifteen-bytes", trace]));
    let addresses: Vec<_> = there["addr_info"].as_array().ok_or("none")?.iter().map(|info| &info["local"]).collect();
    assert!(addresses.contains(&&json!("192.0.2.1")) && addresses.contains(&&json!("2001:db8::1")), "{there}");
    let routes = [ground.to.ip("route"), ground.to.ip("-6 route")].concat();
    for route in [
        "default via 192.0.2.2",
        "198.51.100.0/24 via 192.0.2.3",
        "203.0.113.0/25 dev eth1 proto 110 scope link",
        "default via 2001:db8::2",
    ] {
        assert!(routes.contains(route), "{route} is not in {routes}");
    }
    record(&undo(suite, &moved));
    ground.settles_as(&before);

    ground.to.ip("link add br0 type bridge");
    let moved = ground.mv(suite, &["v9", "eth1", "--master=br0", "--no-up"]);
    let there = one(&ground.to.ip("-j link show dev eth1"));
    assert_eq!((&there["master"], &there["operstate"]), (&json!("br0"), &json!("DOWN")), "{there}");
    record(&undo(suite, &moved));
    Ok(())
}

fn told_again(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    record(&ground.mv(suite, &["v9", "eth1", "--addr=192.0.2.1/24", "--gateway=192.0.2.2"]));
    let before = ground.state();
    let again = ground.mv(suite, &["v9", "eth1", "--addr=192.0.2.1/24", "--gateway=192.0.2.2"]);
    assert_eq!(deed(&record(&again))["changed"], false);
    ground.settles_as(&before);
    let more = ground.mv(suite, &["v9", "eth1", "--addr=192.0.2.1/24", "--addr=192.0.2.9/24", "--mtu=1300"]);
    assert_eq!(deed(&record(&more))["changed"], true);
    let there = ground.to.ip("-j addr show dev eth1");
    assert!(there.contains("192.0.2.9") && there.contains("\"mtu\":1300"), "{there}");

    // Whatever was asked for, and whatever alias the link has: the same command finds nothing to do.
    for own_alias in [false, true] {
        let ground = Ground::new();
        if own_alias {
            ground.from.ip("link set v9 alias its-own");
        }
        let untouched = ground.state();
        let words = if own_alias { &["v9", "eth1"][..] } else { &ALL };
        let first = ground.mv(suite, words);
        record(&first);
        let before = ground.state();
        assert_eq!(deed(&record(&ground.mv(suite, words)))["changed"], false);
        ground.settles_as(&before);
        let alias = one(&ground.to.ip("-j link show dev eth1"))["ifalias"].clone();
        assert_eq!(alias, if own_alias { "its-own" } else { "up link" });
        // Further on it says where it came from last, and there only.
        let further = Place::new();
        let (from, to) = (ground.to.pid().to_string(), further.pid().to_string());
        let on = ["nicon-linkmv", "--force", "-f", &from, "-t", &to, "eth1", "eth2"];
        let moved_on = suite.run(&on);
        record(&moved_on);
        assert_eq!(deed(&record(&suite.run(&on)))["changed"], false);
        let link = further.ip("-j link show dev eth2");
        assert!(link.contains(&format!("nicon-from.{}.", ground.to.netns())), "{link}");
        assert!(!link.contains(&format!("nicon-from.{}.", ground.from.netns())), "{link}");
        record(&undo(suite, &moved_on));
        ground.settles_as(&before);
        record(&undo(suite, &first));
        ground.settles_as(&untouched);
    }
    // The note of an earlier move is none that has to be kept.
    let (ground, further) = (Ground::new(), Place::new());
    record(&ground.mv(suite, &["v9", "eth1"]));
    let (from, to) = (ground.to.pid().to_string(), further.pid().to_string());
    let on = ["nicon-linkmv", "-f", &from, "-t", &to, "eth1", "eth2"];
    record(&suite.run(&on));
    assert_eq!(deed(&record(&suite.run(&on)))["changed"], false);
    assert_eq!(
        one(&further.ip("-j link show dev eth2"))["ifalias"],
        format!("nicon: eth1 from net:[{}]", ground.to.netns())
    );
    Ok(())
}

/// What can be known beforehand is refused before anything is changed; what the kernel finds later is taken back.
fn all_or_back(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    ground.from.ip("link set v9 up");
    ground.from.ip("addr add 192.0.2.77/24 dev v9");
    ground.to.ip("link add taken type veth peer name other");
    ground.to.ip("link property add dev taken altname taken-too");
    let before = ground.state();
    for (words, status, told) in [
        (&["--mtu=70000"][..], 2, "MTU 70000 is out of range for v9 (68 to 65535)"),
        (&["--mtu=17"], 2, "MTU 17 is out of range for v9"),
        (&["--master=nobody"], 1, "no link nobody in process"),
        (&["--gateway=198.51.100.1"], 2, "not reachable through any"),
        (&["--addr=192.0.2.1/24", "--route=203.0.113.0/24,198.51.100.1"], 2, "not reachable through any"),
        (&["--altname=taken-too"], 1, "taken-too already exists"),
        // The kernel takes the move, and then refuses these.
        (&["--master=taken"], 2, "set up eth1 in process"),
        (&["--altname=here", "--addr=ff02::1/64"], 2, "add address ff02::1/64"),
        (&["--addr=192.0.2.1/24", "--addr=255.255.255.255/33"], 2, "prefix length"),
        (&["--addr=192.0.2.1/24", "--gateway=192.0.2.255"], 2, "add route default via 192.0.2.255"),
    ] {
        let ran = ground.mv(suite, &[&["v9", "eth1"], words].concat());
        assert_eq!((ran.code(), &ran.stdout[..]), (Some(status), ""), "{ran:?}");
        assert!(ran.stderr.contains(told), "{ran:?}");
        ground.settles_as(&before);
    }
    for words in [
        &["--mac=01:00:5e:00:00:01"][..],
        &["--no-up", "--gateway=192.0.2.2", "--addr=192.0.2.1/24"],
        &["--alias=a\nb"],
    ] {
        let ran = ground.mv(suite, &[&["v9", "eth1"], words].concat());
        assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
    }
    ground.settles_as(&before);
    Ok(())
}
