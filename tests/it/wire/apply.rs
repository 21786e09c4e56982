//! Applying a plan: what is missing is made, what differs is changed in place, all of it or nothing; and comparing with it.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::lab::Lab;
use crate::support::events::Events;
use crate::support::expect::{deed, parse, records, refusal};
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "wire::apply::all_kinds_of_acts_in_one_pass", all_kinds_of_acts),
        suite.trial_of_kernel(&[], "wire::apply::what_differs_is_changed_in_place", what_differs),
        suite.trial_of_kernel(&[], "wire::apply::all_or_nothing", all_or_nothing),
        suite.trial_of_kernel(&[], "wire::apply::each_on_its_own", each_on_its_own),
        suite.trial_of_kernel(&[], "wire::apply::not_the_whole_plan", not_the_whole_plan),
        suite.trial_of_kernel(&[], "wire::apply::a_link_that_is_in_the_way", in_the_way),
        suite.trial_of_kernel(&[], "wire::apply::records_without_a_plan", without_a_plan),
        suite.trial_of_kernel(&[], "wire::apply::links_that_need_each_other", need_each_other),
        suite.trial_of_kernel(&[], "wire::apply::records_in_any_order", in_any_order),
    ]
}

fn all_kinds_of_acts(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    // A pipe without nicon-resolve.
    let unresolved = lab.records(&[json!({"target": "a.b", "kind": "bridge", "name": "br0"})]);
    for option in [&[][..], &["--check"]] {
        let words = [&["nicon-wire"], option].concat();
        refusal(&suite.feed(&words, &unresolved), 2, &["has no \"pid\" (nicon-resolve finds"]);
    }
    let missing = suite.feed(&["nicon-wire", "--check"], lab.input());
    assert_eq!((missing.code(), parse(&missing.stdout).len()), (Some(1), 3), "{missing:?}");
    lab.is_gone();

    let wired = lab.wire(suite);
    let names: Vec<_> = wired.iter().map(|record| (&record["nic"]["name"], &deed(record)["changed"])).collect();
    assert_eq!(json!(names), json!([["eth1", true], ["eth1", true], ["eth2", true]]));
    for (place, name, address) in [(0, "eth1", "192.0.2.1"), (1, "eth1", "192.0.2.2"), (0, "eth2", "198.51.100.1")] {
        let link = one(&lab.places[place].ip(&format!("-j addr show dev {name}")));
        assert_eq!((&link["addr_info"][0]["local"], &link["flags"][2]), (&json!(address), &json!("UP")), "{link}");
        assert!(link["altnames"].as_array().unwrap().contains(&lab.mark(name).into()), "{link}");
    }
    lab.places[0].reaches("192.0.2.2");

    let there = lab.state();
    assert_eq!(lab.wire(suite).iter().map(|record| &deed(record)["changed"]).collect::<Vec<_>>(), [false; 3]);
    let same = suite.feed(&["nicon-wire", "--check"], lab.input());
    assert_eq!((same.code(), &same.stdout[..], &same.stderr[..]), (Some(0), "", ""), "{same:?}");
    assert_eq!(lab.state(), there);
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}

fn what_differs(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    let index = |name: &str| one(&lab.places[0].ip(&format!("-j link show dev {name}")))["ifindex"].clone();
    let before = [index("eth1"), index("eth2")];
    let mut wishes = lab.wishes();
    wishes[0]["mtu"] = 1300.into();
    wishes[0]["mac"] = "02:00:5e:00:53:17".into();
    wishes[2]["addr"] = json!(["198.51.100.9/24"]);
    wishes[2]["route"] = json!(["203.0.113.0/24,198.51.100.7"]);
    // What somebody else gave it is not the plan's.
    lab.places[0].ip("addr add 198.51.100.99/24 dev eth2");
    let changed = lab.records(&wishes);
    let differs = suite.feed(&["nicon-wire", "--check"], &changed);
    assert_eq!(differs.code(), Some(1), "{differs:?}");
    let steps: Vec<Value> = parse(&differs.stdout).iter().map(|record| record["steps"].clone()).collect();
    assert_eq!(
        json!(steps),
        json!([
            ["link set eth1 mtu 1300 address 02:00:5e:00:53:17"],
            [
                "address replace 198.51.100.9/24 dev eth2",
                "route add 203.0.113.0/24 via 198.51.100.7 dev eth2",
                "address del 198.51.100.1/24 dev eth2"
            ]
        ])
    );
    records(&suite.feed(&["nicon-wire"], &changed));
    assert_eq!([index("eth1"), index("eth2")], before, "they are the same links");
    let link = one(&lab.places[0].ip("-j link show dev eth1"));
    assert_eq!((&link["mtu"], &link["address"]), (&json!(1300), &json!("02:00:5e:00:53:17")));
    let addresses = || {
        let link = one(&lab.places[0].ip("-j -4 addr show dev eth2"));
        let mut addresses: Vec<_> =
            link["addr_info"].as_array().unwrap().iter().map(|of| of["local"].to_string()).collect();
        addresses.sort();
        addresses.concat()
    };
    assert_eq!(addresses(), r#""198.51.100.9""198.51.100.99""#);
    assert_eq!(suite.feed(&["nicon-wire", "--check"], &changed).code(), Some(0));
    wishes[2]["route"] = json!(null);
    records(&suite.feed(&["nicon-wire"], lab.records(&wishes)));
    assert_eq!(lab.places[0].ip("route show 203.0.113.0/24"), "");
    assert_eq!(addresses(), r#""198.51.100.9""198.51.100.99""#);
    // If anything fails, what was there is there again.
    let there = lab.state();
    wishes[2]["addr"] = json!(["198.51.100.10/24"]);
    wishes[1]["addr"] = json!(["ff02::1/64"]);
    assert_eq!(suite.feed(&["nicon-wire"], lab.records(&wishes)).code(), Some(2));
    assert_eq!(lab.state(), there);
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}

fn all_or_nothing(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let mut wishes = lab.wishes().to_vec();
    wishes.push(json!({"pid": lab.places[1].pid(), "link": "nowhere", "name": "eth9"}));
    refusal(&suite.feed(&["nicon-wire"], lab.records(&wishes)), 1, &[": no link nowhere in host"]);
    lab.is_gone();
    // What an earlier run made stays, and is as it was. What sits on another link comes last.
    lab.wire(suite);
    let there = lab.state();
    wishes[0]["mtu"] = 1300.into();
    wishes[3] =
        json!({"pid": lab.places[1].pid(), "kind": "macvlan", "name": "eth9", "parent": "nowhere", "from": "target"});
    let events = Events::of(&lab.places[0]);
    refusal(&suite.feed(&["nicon-wire"], lab.records(&wishes)), 1, &["no link nowhere"]);
    assert!(events.end().contains(" mtu 1300 "), "it was refused before anything was changed");
    assert_eq!(lab.state(), there);
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}

fn each_on_its_own(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let mut wishes = lab.wishes().to_vec();
    // The container of the other end was not found.
    wishes.remove(1);
    for wish in &mut wishes {
        wish["each"] = true.into();
    }
    let input = lab.records(&wishes).replace("\"plan_size\":2", "\"plan_size\":3");
    let ran = suite.feed(&["nicon-wire"], &input);
    assert_eq!(ran.code(), Some(1), "{ran:?}");
    assert!(ran.stderr.contains("pair \"p\" has no other end"), "{ran:?}");
    assert_eq!(lab.places[0].links(), ["lo", "eth2"]);
    // Who looked for the container has told that it is not there.
    let half = lab.records(&wishes[..1]).replace("\"plan_size\":1", "\"plan_size\":2");
    for input in [&input, &half] {
        let checked = suite.feed(&["nicon-wire", "--check"], input);
        assert_eq!((checked.code(), &checked.stdout[..], &checked.stderr[..]), (Some(1), "", ""), "{checked:?}");
    }
    // If all came, nobody has.
    let checked = suite.feed(&["nicon-wire", "--check"], lab.records(&wishes));
    refusal(&checked, 1, &["pair \"p\" has no other end"]);
    records(&suite.feed(&["nicon-wire", "--destroy"], &input));
    lab.is_gone();
    Ok(())
}

fn not_the_whole_plan(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let wishes = lab.wishes();
    let part: String = lab.input().split_inclusive('\n').take(2).collect();
    refusal(&suite.feed(&["nicon-wire"], &part), 2, &["has 3 records, of which 2 came"]);
    refusal(&suite.feed(&["nicon-wire", "--prune"], &part), 2, &["has 3 records, of which 2 came"]);
    lab.is_gone();
    let mut named = wishes[2].clone();
    named["plan"] = "a b".into();
    refusal(&suite.feed(&["nicon-wire"], format!("{named}\n")), 2, &["\"a b\" is not the name of a plan"]);
    named["plan"] = lab.plan.clone().into();
    named["name"] = "eth%d".into();
    refusal(&suite.feed(&["nicon-wire"], format!("{named}\n")), 2, &["\"eth%d\" names no single link"]);
    refusal(
        &suite.feed(&["nicon-wire", "--destroy"], "{\"pid\":1}\n"),
        2,
        &["no record on standard input has a \"plan\""],
    );
    refusal(&suite.feed(&["nicon-wire"], ""), 1, &["nothing to do"]);
    lab.is_gone();
    Ok(())
}

fn in_the_way(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.places[1].ip("link add eth1 type bridge");
    // The link is called as its author wrote it.
    let [first, second] = lab.places.each_ref().map(|place| format!("process {}:eth1", place.pid()));
    let said = format!("nicon-wire: {}: {first}, {second}: eth1 already exists in process", lab.plan);
    for option in [None, Some("--check")] {
        let words: Vec<&str> = ["nicon-wire"].into_iter().chain(option).collect();
        let ran = suite.feed(&words, lab.input());
        assert_eq!((ran.code(), ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
        assert!(ran.stderr.starts_with(&said) && ran.stderr.ends_with("(bridge)\n"), "{ran:?}");
    }
    assert_eq!((lab.places[0].links(), lab.places[1].links()), (vec!["lo".into()], vec!["lo".into(), "eth1".into()]));
    // It is not of the plan, so it stays.
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    assert_eq!(lab.places[1].links(), ["lo", "eth1"]);
    Ok(())
}

fn without_a_plan(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let input = lab.wishes().map(|wish| format!("{wish}\n")).concat();
    let made = suite.feed(&["nicon-wire"], format!("{input}{{\"pid\":1,\"failed\":\"before\"}}\n"));
    assert_eq!(records(&made).len(), 4);
    assert!(one(&lab.places[0].ip("-j link show dev eth1")).get("altnames").is_none());
    records(&suite.feed(&["nicon-linkmv", "--undo"], &made.stdout));
    lab.is_gone();
    Ok(())
}

/// A bridge, its port, and what sits on a pair, in whatever order the records are.
fn need_each_other(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let [first, second] = lab.places.each_ref().map(Place::pid);
    let wishes = [
        json!({"pid": second, "kind": "macvlan", "name": "on-eth1", "parent": "eth1", "from": "target"}),
        json!({"pid": first, "pair": "p", "name": "port", "master": "br7"}),
        json!({"pid": second, "pair": "p", "name": "eth1", "addr": ["192.0.2.2/24"]}),
        json!({"pid": first, "kind": "bridge", "name": "br7", "addr": ["192.0.2.1/24"]}),
    ];
    let input = lab.records(&wishes);
    let missing = suite.feed(&["nicon-wire", "--check"], &input);
    let steps: Vec<Value> = parse(&missing.stdout).iter().map(|record| record["steps"][0].clone()).collect();
    assert_eq!((missing.code(), steps.len(), &missing.stderr[..]), (Some(1), 4, ""), "{missing:?}");
    assert!(steps[1].as_str().is_some_and(|step| step.starts_with("make it when br7 is in")), "{steps:?}");
    records(&suite.feed(&["nicon-wire"], &input));
    lab.places[1].reaches("192.0.2.1");
    let port = one(&lab.places[0].ip("-j link show dev port"));
    assert_eq!(port["master"], "br7");
    let same = suite.feed(&["nicon-wire", "--check"], &input);
    assert_eq!((same.code(), &same.stdout[..]), (Some(0), ""), "{same:?}");
    // One of them changes what it is: that wants it to be made anew.
    let mut other = wishes.to_vec();
    other[0] =
        json!({"pid": second, "kind": "vxlan", "name": "on-eth1", "vni": 7, "remote": "192.0.2.1", "from": "target"});
    refusal(&suite.feed(&["nicon-wire"], lab.records(&other)), 1, &["on-eth1 already exists", "macvlan"]);
    records(&suite.feed(&["nicon-wire", "--prune"], lab.records(&other)));
    assert_eq!(one(&lab.places[1].ip("-j -d link show dev on-eth1"))["linkinfo"]["info_kind"], "vxlan");
    assert_eq!(one(&lab.places[0].ip("-j link show dev port"))["ifindex"], port["ifindex"], "the others are the same");
    records(&suite.feed(&["nicon-wire", "--destroy"], &input));
    lab.is_gone();
    Ok(())
}

/// Links that need others which also need some, in the order of their needs and in the opposite one. Where links come from is also
/// said by a record, as it is behind nicon-plan --in.
fn in_any_order(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let [first, second] = lab.places.each_ref().map(Place::pid);
    let there = json!({"pid": second});
    let mut wishes = [
        json!({"pid": first, "kind": "bridge", "name": "br7"}),
        json!({"pid": first, "pair": "p", "name": "port"}),
        json!({"pid": second, "pair": "p", "name": "eth1"}),
        json!({"pid": first, "kind": "macvlan", "name": "mv", "altname": ["the-macvlan"], "parent": "eth1", "from": there}),
        json!({"pid": first, "kind": "vxlan", "name": "on-mv", "vni": 6, "remote": "239.1.1.1", "parent": "the-macvlan", "from": "target", "master": "br7"}),
        json!({"pid": first, "kind": "vxlan", "name": "vx", "vni": 7, "remote": "192.0.2.1", "from": "target", "stitch": "port"}),
        json!({"pid": first, "kind": "vxlan", "name": "vy", "vni": 8, "remote": "192.0.2.1", "from": "target", "master": "br7"}),
    ];
    for _ in 0..2 {
        let input = lab.records(&wishes);
        let missing = suite.feed(&["nicon-wire", "--check"], &input);
        let found = parse(&missing.stdout).len();
        assert_eq!((missing.code(), found, &missing.stderr[..]), (Some(1), wishes.len(), ""), "{missing:?}");
        records(&suite.feed(&["nicon-wire"], &input));
        for port in ["on-mv", "vy"] {
            assert_eq!(one(&lab.places[0].ip(&format!("-j link show dev {port}")))["master"], "br7");
        }
        let same = suite.feed(&["nicon-wire", "--check"], &input);
        assert_eq!((same.code(), &same.stdout[..]), (Some(0), ""), "{same:?}");
        records(&suite.feed(&["nicon-wire", "--destroy"], &input));
        lab.is_gone();
        wishes.reverse();
    }
    // Those that need each other in a circle are told, and do not hang the run.
    for (wish, (name, parent)) in wishes.iter_mut().zip([("a", "b"), ("b", "c"), ("c", "a")]) {
        *wish = json!({"pid": first, "kind": "macvlan", "name": name, "parent": parent, "from": "target"});
    }
    refusal(&suite.feed(&["nicon-wire"], lab.records(&wishes[..3])), 1, &["parent: no link"]);
    lab.is_gone();
    Ok(())
}
