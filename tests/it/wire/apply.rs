//! Applying a plan: what is missing is made, what differs is changed in place, all of it or nothing; and comparing with it.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::lab::Lab;
use crate::support::expect::{deed, parse, records, refusal};
use crate::support::links::one;
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
    ]
}

fn all_kinds_of_acts(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
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
    lab.places[0].sh("ping -c 1 -W 5 192.0.2.2");

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
    wishes[2]["addr"] = json!(["198.51.100.1/24", "198.51.100.9/24"]);
    let changed = lab.records(&wishes);
    let differs = suite.feed(&["nicon-wire", "--check"], &changed);
    assert_eq!(differs.code(), Some(1), "{differs:?}");
    let steps: Vec<Value> = parse(&differs.stdout).iter().map(|record| record["steps"].clone()).collect();
    assert_eq!(
        json!(steps),
        json!([["link set eth1 mtu 1300 address 02:00:5e:00:53:17"], ["address replace 198.51.100.9/24 dev eth2"]])
    );
    records(&suite.feed(&["nicon-wire"], &changed));
    assert_eq!([index("eth1"), index("eth2")], before, "they are the same links");
    let link = one(&lab.places[0].ip("-j link show dev eth1"));
    assert_eq!((&link["mtu"], &link["address"]), (&json!(1300), &json!("02:00:5e:00:53:17")));
    assert_eq!(suite.feed(&["nicon-wire", "--check"], &changed).code(), Some(0));
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    lab.is_gone();
    Ok(())
}

fn all_or_nothing(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let mut wishes = lab.wishes().to_vec();
    wishes.push(json!({"pid": lab.places[1].pid(), "link": "nowhere", "name": "eth9"}));
    refusal(&suite.feed(&["nicon-wire"], lab.records(&wishes)), 1, &["line 4: no link nowhere in host"]);
    lab.is_gone();
    // What an earlier run made stays, and is as it was.
    lab.wire(suite);
    let there = lab.state();
    wishes[0]["mtu"] = 1300.into();
    refusal(&suite.feed(&["nicon-wire"], lab.records(&wishes)), 1, &["no link nowhere"]);
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
    wishes.iter_mut().for_each(|wish| wish["each"] = true.into());
    let input = lab.records(&wishes).replace("\"plan_size\":2", "\"plan_size\":3");
    let ran = suite.feed(&["nicon-wire"], &input);
    assert_eq!(ran.code(), Some(1), "{ran:?}");
    assert!(ran.stderr.contains("line 1: pair \"p\" has no other end"), "{ran:?}");
    assert_eq!(lab.places[0].links(), ["lo", "eth2"]);
    let checked = suite.feed(&["nicon-wire", "--check"], &input);
    assert_eq!((checked.code(), &checked.stdout[..]), (Some(1), ""), "{checked:?}");
    records(&suite.feed(&["nicon-wire", "--destroy"], &input));
    lab.is_gone();
    Ok(())
}

fn not_the_whole_plan(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let wishes = lab.wishes();
    let part: String = lab.input().lines().take(2).map(|line| format!("{line}\n")).collect();
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
    refusal(&suite.feed(&["nicon-wire"], lab.input()), 1, &["line 2: eth1 already exists", "(bridge)"]);
    assert_eq!((lab.places[0].links(), lab.places[1].links()), (vec!["lo".into()], vec!["lo".into(), "eth1".into()]));
    // It is not of the plan, so it stays.
    records(&suite.feed(&["nicon-wire", "--destroy"], lab.input()));
    assert_eq!(lab.places[1].links(), ["lo", "eth1"]);
    Ok(())
}

fn without_a_plan(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let input: String = lab.wishes().iter().map(|wish| format!("{wish}\n")).collect();
    let made = suite.feed(&["nicon-wire"], format!("{input}{{\"pid\":1,\"failed\":\"before\"}}\n"));
    assert_eq!(records(&made).len(), 4);
    assert!(one(&lab.places[0].ip("-j link show dev eth1")).get("altnames").is_none());
    records(&suite.feed(&["nicon-linkmv", "--undo"], &made.stdout));
    lab.is_gone();
    Ok(())
}
