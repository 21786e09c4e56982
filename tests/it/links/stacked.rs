//! What sits on a link is not cut off unless that is forced, whatever its kind, and wherever it is.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within, tool};
use serde_json::json;

use crate::links::settings::{Ground, undo};
use crate::support::expect::{deed, record, refusal};
use crate::support::kernel::Feature;
use crate::support::links::{Place, ip, one};
use crate::support::suite::Suite;

/// The kinds that sit on another link, each with what makes one.
const KINDS: [(&[Feature], &str); 16] = [
    (&[Feature::LinkKind("vxlan")], "u0 type vxlan id 7 dev v9 dstport 4790"),
    (&[Feature::LinkKind("macvlan")], "u0 link v9 type macvlan"),
    (&[Feature::LinkKind("macvtap")], "u0 link v9 type macvtap"),
    (&[Feature::LinkKind("vlan")], "u0 link v9 type vlan id 5"),
    (&[Feature::LinkKind("ipvlan")], "u0 link v9 type ipvlan"),
    (&[Feature::LinkKind("ipvtap")], "u0 link v9 type ipvtap"),
    (&[Feature::LinkKind("macsec")], "u0 link v9 type macsec"),
    (&[Feature::LinkKind("gre")], "u0 type gre local 192.0.2.1 remote 192.0.2.2 dev v9"),
    (&[Feature::LinkKind("gretap")], "u0 type gretap local 192.0.2.1 remote 192.0.2.2 dev v9"),
    (&[Feature::LinkKind("ipip")], "u0 type ipip local 192.0.2.1 remote 192.0.2.2 dev v9"),
    (&[Feature::LinkKind("sit")], "u0 type sit local 192.0.2.1 remote 192.0.2.2 dev v9"),
    (&[Feature::LinkKind("vti")], "u0 type vti local 192.0.2.1 remote 192.0.2.2 key 7 dev v9"),
    (&[Feature::LinkKind("ip6gre")], "u0 type ip6gre local 2001:db8::1 remote 2001:db8::2 dev v9"),
    (&[Feature::LinkKind("ip6tnl")], "u0 type ip6tnl local 2001:db8::1 remote 2001:db8::2 dev v9"),
    (&[Feature::LinkKind("xfrm")], "u0 type xfrm dev v9 if_id 7"),
    (&[Feature::LinkKind("hsr")], "u0 type hsr slave1 v9 slave2 p9"),
];

/// Those that the kernel destroys when the link below leaves its namespace.
const FALL: [&str; 2] = ["vxlan", "macsec"];

/// Those that cannot be moved away, or of which the kernel does not tell that they were (ipvtap has no `get_link_net`).
const STAY: [&str; 2] = ["hsr", "ipvtap"];

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    let mut trials = vec![
        suite.trial_of_kernel(&[], "links::stacked::numbers_of_other_namespaces", numbers_of_others),
        suite.trial_of_kernel(&[], "links::stacked::where_only_a_name_leads", where_only_a_name_leads),
        suite.trial_of_kernel(&[], "links::stacked::undo_destroys_nothing_unawares", undo_destroys_nothing),
        suite.trial_of_kernel(&[], "links::stacked::undo_removes_no_pair_below", undo_removes_no_pair_below),
        suite.trial_of_kernel(&[], "links::stacked::what_nobody_may_look_at", what_nobody_may_look_at),
        suite.trial_of_kernel(
            &[Feature::LinkKind("geneve")],
            "links::stacked::a_tunnel_that_sits_on_nothing",
            on_nothing,
        ),
    ];
    for (features, line) in KINDS {
        let &[Feature::LinkKind(kind)] = features else { unreachable!("one kind") };
        let name = format!("links::stacked::{kind}_on_top");
        trials.push(suite.trial_of_kernel(features, &name, move |suite| on_top(suite, kind, line)));
    }
    trials
}

/// In the same namespace, and in another.
fn on_top(suite: &Suite, kind: &str, line: &str) -> Result<(), Failed> {
    let (ground, other) = (Ground::new(), Place::new());
    ground.from.ip(&format!("link add {line}"));
    let refused = |words: &[&str]| {
        let before = ground.state();
        for options in [&["v9", "eth1"][..], &["--dry-run", "v9", "eth1"]] {
            refusal(&ground.mv(suite, options), 2, &[words, &["v9 has u0", "stacked on it", "--force"]].concat());
        }
        assert_eq!(ground.state(), before);
    };
    refused(&["v9 has u0 stacked on it"]);
    if !STAY.contains(&kind) {
        ground.from.ip(&format!("link set u0 netns {}", other.pid()));
        refused(&[&format!("u0 in the network namespace of PID {}", other.pid())]);
    }
    let falls = FALL.contains(&kind);
    let told = if falls { json!([format!("u0 in the network namespace of PID {}", other.pid())]) } else { json!([]) };
    assert_eq!(record(&ground.mv(suite, &["--force", "-n", "v9", "eth1"]))["lost"]["stacked"], told);
    assert_eq!(deed(&record(&ground.mv(suite, &["--force", "v9", "eth1"])))["lost"]["stacked"], told);
    // It is as it was told.
    let place = if STAY.contains(&kind) { &ground.from } else { &other };
    assert_eq!(place.links().contains(&"u0".to_owned()), !falls, "{kind}");
    Ok(())
}

/// What sits on a link of the same number in another namespace is not on this one; the other end of a pair is not on top.
fn numbers_of_others(suite: &Suite) -> Result<(), Failed> {
    let (ground, other) = (Ground::new(), Ground::new());
    ground.from.ip(&format!("link set p9 netns {}", other.to.pid()));
    let ifindex = |place: &Place, link: &str| one(&place.ip(&format!("-j link show dev {link}")))["ifindex"].clone();
    assert_eq!(ifindex(&ground.from, "v9"), ifindex(&other.from, "v9"));
    other.from.ip("link add m0 link v9 type macvlan");
    other.from.ip(&format!("link set m0 netns {}", ground.from.pid()));
    assert_eq!(one(&ground.from.ip("-j link show dev m0"))["link_index"], ifindex(&ground.from, "v9"));
    let moved = ground.mv(suite, &["v9", "eth1"]);
    record(&moved);
    record(&undo(suite, &moved));
    // Of the other one it is found, wherever its own number is known.
    refusal(&other.mv(suite, &["v9", "eth1"]), 2, &["v9 has m0 in ", &ground.from.pid().to_string()]);
    Ok(())
}

fn where_only_a_name_leads(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let named = Named::new("nicon-test-stacked");
    ground.from.ip("link add m0 link v9 type macvlan");
    ground.from.ip(&format!("link set m0 netns {}", named.0));
    refusal(&ground.mv(suite, &["v9", "eth1"]), 2, &["v9 has m0 in /run/netns/nicon-test-stacked stacked on it"]);
    Ok(())
}

/// What a container stacked on the link since it was moved there.
fn undo_destroys_nothing(suite: &Suite) -> Result<(), Failed> {
    let (ground, other) = (Ground::new(), Place::new());
    let moved = ground.mv(suite, &["v9", "eth1"]);
    ground.to.ip("link add m0 link eth1 type macvlan");
    ground.to.ip("link add x0 type vxlan id 7 dev eth1 dstport 4790");
    ground.to.ip(&format!("link set x0 netns {}", other.pid()));
    let before = (ground.state(), other.ip("-j -d link"));
    let refused = undo(suite, &moved);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let words = format!(
        "eth1 in process {} has x0 in the network namespace of PID {} stacked on it",
        ground.to.pid(),
        other.pid()
    );
    assert!(refused.stderr.contains(&words) && refused.stderr.contains("--undo --force"), "{refused:?}");
    assert_eq!((ground.state(), other.ip("-j -d link")), before);
    record(&suite.feed(&["nicon-linkmv", "--undo", "--force"], &moved.stdout));
    assert!(ground.from.links().contains(&"v9".to_owned()) && other.links() == ["lo"]);
    // What the kernel leaves alone is no reason.
    assert!(ground.to.links().contains(&"m0".to_owned()));
    let moved = ground.mv(suite, &["--force", "v9", "eth1"]);
    record(&undo(suite, &moved));
    Ok(())
}

/// What sits on the ends of a pair, wherever it is, does not go with the pair unawares.
fn undo_removes_no_pair_below(suite: &Suite) -> Result<(), Failed> {
    let (places, other) = ([Place::new(), Place::new()], Place::new());
    let ends = places.each_ref().map(|place| place.pid().to_string());
    for end in [0, 1] {
        let made = suite.run(&["nicon-veth", "-t", &ends[0], "-t", &ends[1], "w1", "w2"]).ok()?;
        places[end].ip(&format!("link add x0 type vxlan id 7 dev w{} dstport 4790", end + 1));
        places[end].ip(&format!("link set x0 netns {}", other.pid()));
        places.iter().for_each(Place::rest);
        let state = || [&places[0], &places[1], &other].map(|place| place.ip("-j -d link"));
        let before = state();
        let words = [
            format!("w{} in ", end + 1),
            format!("{} has x0 in the network namespace of PID {} stacked on it", ends[end], other.pid()),
        ];
        for program in ["nicon-veth", "nicon-linkmv"] {
            let refused = suite.feed(&[program, "--undo"], &made);
            assert_eq!(refused.code(), Some(2), "{refused:?}");
            let words = words.iter().map(String::as_str).chain(["--undo --force"]);
            words.for_each(|word| assert!(refused.stderr.contains(word), "{word} is not in {refused:?}"));
            assert_eq!(state(), before);
        }
        suite.feed(&["nicon-veth", "--undo", "--force"], &made).ok()?;
        assert_eq!([&places[0], &places[1], &other].map(Place::links), [["lo"], ["lo"], ["lo"]]);
    }
    Ok(())
}

/// A process that we may not inspect is in a namespace which another process leads to, or may hide what is on the link.
fn what_nobody_may_look_at(suite: &Suite) -> Result<(), Failed> {
    let (from, to) = (Named::new("nicon-test-from"), Named::new("nicon-test-to"));
    ip(&format!("-n {} link add v9 type veth peer name p9", from.0));
    let program = suite.bins()?.join("nicon-linkmv");
    // The first process has a capability that nicon-linkmv lacks, as has the one that it starts.
    let plan = |others: &str, option: &str| {
        let script = format!(
            "{others} setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace {} -n {option} -f {} -t {} v9 eth1; exit $?",
            program.display(),
            from.0,
            to.0
        );
        output_within(
            tool("unshare").args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", &script]),
            LIMIT,
        )
    };
    record(&plan("", "")?);
    let hidden = "unshare -n sleep 60 & while [ $(stat -c %i /proc/$!/net/dev) = $(stat -c %i /proc/self/net/dev) ]; do :; done;";
    refusal(&plan(hidden, "")?, 2, &["v9 may have links stacked on it: process 2 could not be inspected", "--force"]);
    record(&plan(hidden, "--force")?);
    Ok(())
}

/// The kernel says that such a link sits on one of its own number.
fn on_nothing(suite: &Suite) -> Result<(), Failed> {
    let (ground, other) = (Ground::new(), Place::new());
    let number = one(&ground.from.ip("-j link show dev v9"))["ifindex"].to_string();
    ground.from.ip("link add g0 type geneve id 7 remote 192.0.2.2");
    ground.from.sh(&format!(
        "ip link set g0 netns {} index {number} 2>/dev/null || ip link set g0 netns {}",
        other.pid(),
        other.pid()
    ));
    record(&ground.mv(suite, &["v9", "eth1"]));
    Ok(())
}

/// A network namespace that a name keeps, until this is dropped.
struct Named(&'static str);

impl Named {
    fn new(name: &'static str) -> Self {
        ip(&format!("netns add {name}"));
        Self(name)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.0));
    }
}
